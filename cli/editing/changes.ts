/**
 * Owns: what differs between two states of an agent, a line a field.
 * Never: shows values of env: they may be secrets.
 */
import type { Agent } from '../../api/resources/agent/agent.ts';

export function changesBetween(before: Agent, after: Agent): readonly string[] {
  const [was, is] = [leavesOf(editable(before)), leavesOf(editable(after))];
  return [...new Set([...was.keys(), ...is.keys()])].flatMap((path) => {
    const [from, to] = [was.get(path), is.get(path)];
    if (from === to) return [];
    return path.startsWith('spec.env.') ? [`${path} (not shown)`] : [`${path}: ${from ?? 'unset'} -> ${to ?? 'unset'}`];
  });
}

const editable = ({ metadata: { labels, annotations }, spec }: Agent) => ({ metadata: { labels, annotations }, spec });

function leavesOf(tree: unknown, path = ''): ReadonlyMap<string, string> {
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) return new Map([[path, JSON.stringify(tree)]]);
  return new Map(
    Object.entries(tree).flatMap(([key, value]) => [...leavesOf(value, path === '' ? key : `${path}.${key}`)]),
  );
}
