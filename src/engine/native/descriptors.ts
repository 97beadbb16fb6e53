import type { NativeBinding } from './binding.js';

/** Second descriptors for open files, which Node itself has no way to make. */
export interface Descriptors {
  /**
   * `F_DUPFD_CLOEXEC`; a negative errno when the system refuses. The descriptor is closed when this thread ends
   * (a worker that is terminated cannot do it itself), unless it is released first.
   */
  duplicate(descriptor: number): number;
  /** Leaves a duplicate to the caller, who must close it or give it away. */
  release(descriptor: number): void;
  /** Closes a duplicate that was released. Not `fs.close()`: in a worker, that warns of descriptors not opened by `fs`. */
  close(descriptor: number): void;
}

export function nativeDescriptors(binding: NativeBinding): Descriptors {
  return {
    duplicate(descriptor) {
      const duplicate = binding.duplicateDescriptor(descriptor);
      if (duplicate >= 0) binding.guardDescriptor(duplicate);
      return duplicate;
    },
    release: (descriptor) => binding.unguardDescriptor(descriptor),
    close: (descriptor) => binding.closeDescriptor(descriptor),
  };
}
