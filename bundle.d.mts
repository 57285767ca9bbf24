import type { BuildOptions } from 'esbuild';

export const MODULE: BuildOptions;
export function bundleController(out: string, nodeFlags: readonly string[], options?: BuildOptions): Promise<void>;
