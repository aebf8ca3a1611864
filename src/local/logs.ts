import { closeSync, existsSync, openSync, readSync, renameSync, statSync } from 'node:fs';

const LOG_BYTES_MAX = 10_000_000;

export function logSize(file: string): number {
  return existsSync(file) ? statSync(file).size : 0;
}

/** What was written to the file after `offset`. */
export function readFrom(file: string, offset: number): string {
  const length = logSize(file) - offset;
  if (length <= 0) return '';
  const descriptor = openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(length);
    return buffer.toString('utf8', 0, readSync(descriptor, buffer, 0, length, offset));
  } finally {
    closeSync(descriptor);
  }
}

/** Puts a log that has grown large aside, before its program starts; the one before it is dropped. */
export function rotateLog(file: string): void {
  if (logSize(file) > LOG_BYTES_MAX) renameSync(file, `${file}.1`);
}
