internal import CProcessor

/// What the processor can be told.
public enum Processor {
  /// Begins to bring cache lines (of 64 bytes) into the cache and does not wait for them. The address
  /// may be any: nothing is read as far as the program can tell.
  @unsafe public static func prefetch(_ address: UnsafeRawPointer?, lines: Int32) {
    unsafe cprocessor_prefetch(address, lines)
  }
}
