import { readFileSync } from 'node:fs';

/** The C library of this process, by what its loader has mapped; nothing where that cannot be told. */
export function libcName(): 'glibc' | 'musl' | undefined {
  try {
    const mapped = readFileSync('/proc/self/maps', 'utf8');
    if (/\/(ld-musl-|libc\.musl-)/.test(mapped)) return 'musl';
    return /\/(libc\.so\.6|libc-2\.\d+\.so|ld-linux-)/.test(mapped) ? 'glibc' : undefined;
  } catch {
    return undefined;
  }
}
