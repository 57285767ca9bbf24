/**
 * Owns: the processes of this machine, as /proc tells them.
 * Never: ends one.
 */
import { readdirSync, readFileSync } from 'node:fs';

export const processes = (): number[] =>
  readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);

/** Empty: gone meanwhile. */
export function readOf(pid: number, file: 'environ' | 'cmdline'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}

export const environOf = (pid: number): readonly string[] => readOf(pid, 'environ').split('\0');
