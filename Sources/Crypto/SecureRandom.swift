import COpenSSL

/// Random numbers that nobody can guess, of the operating system's source by way of OpenSSL.
public enum SecureRandom {
  public static func bytes(_ count: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    unsafe bytes.withUnsafeMutableBytes { unsafe fill($0) }
    return bytes
  }

  public static func uint64() -> UInt64 {
    var number: UInt64 = 0
    unsafe withUnsafeMutableBytes(of: &number) { unsafe fill($0) }
    return number
  }

  private static func fill(_ target: UnsafeMutableRawBufferPointer) {
    guard let start = target.baseAddress, target.count > 0 else { return }
    precondition(target.count <= Int(Int32.max), "asked for too many random bytes at once")
    let filled = unsafe RAND_bytes(
      start.assumingMemoryBound(to: UInt8.self), Int32(target.count))
    // To go on with bytes that can be guessed would be worse than to stop.
    precondition(filled == 1, "the source of random bytes failed")
  }
}
