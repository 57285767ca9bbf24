/** Owns: YAML for people; loaded only by verbs that print it. */
import { stringify } from 'yaml';

export const toYaml = (value: unknown): string => stringify(value, { lineWidth: 0 });
