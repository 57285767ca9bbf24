/**
 * Owns: the lines the controller writes about itself: JSON on one descriptor, in order, each before the next thing is done.
 * Never: ends the program, or waits: a line that cannot be written (a full disk) is left out, and the next one says how many were.
 */
import { writeSync } from 'node:fs';
import pino from 'pino';

export type Log = (message: string, fields: Readonly<Record<string, unknown>>) => void;

export function openLog(fd: number, level: string): Log {
  // pino's own destination throws what it is told by the disk, or keeps lines without bound.
  const log = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    { write: lineWriter(fd, writeSync) },
  );
  return (message, fields) => log.info(fields, message);
}

/** `write` as `fs.writeSync`: may write less than it was given, and throws. */
export function lineWriter(fd: number, write: (fd: number, bytes: Buffer) => number): (line: string) => void {
  let lost = 0;
  /** A line was begun whose end could not be written. */
  let torn = false;
  const put = (text: string): boolean => {
    let left = Buffer.from(text);
    try {
      while (left.length > 0) {
        left = left.subarray(write(fd, left));
        torn = left.length > 0;
      }
      return true;
    } catch {
      return false;
    }
  };
  return (line) => {
    if (
      lost > 0 &&
      put(`${torn ? '\n' : ''}${JSON.stringify({ level: 40, lost, msg: 'lines could not be written' })}\n`)
    )
      lost = 0;
    if (lost > 0 || !put(line)) lost++;
  };
}
