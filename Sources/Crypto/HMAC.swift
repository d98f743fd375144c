public import Bytes
import COpenSSL

/// HMAC-SHA-256 (RFC 2104, RFC 4231).
public enum HMAC {
  /// The code of one message. It allocates; whoever needs many keeps a `Key`.
  public static func sha256(key: Span<UInt8>, message: Span<UInt8>) -> [UInt8] {
    var key = Key(key)
    let code = key.sha256(message)
    return [UInt8](copying: code.span)
  }

  /// Appends the code of one message, 32 bytes.
  public static func sha256(
    key: Span<UInt8>, message: Span<UInt8>, into buffer: inout ByteBuffer
  ) {
    var key = Key(key)
    let code = key.sha256(message)
    buffer.append(code.span)
  }

  /// A key made ready once for many messages: a code then costs no allocation.
  ///
  /// It belongs to one owner at a time: it may move between threads, never be shared. The key is
  /// wiped from memory at the end.
  @safe public struct Key: ~Copyable, @unchecked Sendable {
    private static let blockBytes = 64

    // The key xor 0x36…, then the key xor 0x5c…. On the heap, because a struct that moves would
    // leave copies of it behind on the stack.
    private let pads: UnsafeMutablePointer<UInt8>
    private var hash = SHA256()

    public init(_ key: Span<UInt8>) {
      let block = Self.blockBytes
      unsafe pads = .allocate(capacity: block * 2)
      unsafe pads.initialize(repeating: 0, count: block * 2)
      if key.count > block {
        hash.update(key)
        var digest = hash.finishInline()
        unsafe Self.copy(digest.span, to: pads)
        SecretBytes.wipe(&digest)
      } else {
        unsafe Self.copy(key, to: pads)
      }
      for index in 0..<block {
        unsafe pads[block + index] = unsafe pads[index] ^ 0x5c
        unsafe pads[index] ^= 0x36
      }
    }

    deinit {
      unsafe OPENSSL_cleanse(pads, Self.blockBytes * 2)
      unsafe pads.deallocate()
    }

    /// The code of `message`, 32 bytes.
    public mutating func sha256(_ message: Span<UInt8>) -> [32 of UInt8] {
      begin()
      update(message)
      return finish()
    }

    /// For a message in pieces: `begin`, then `update` for each piece, then `finish`.
    public mutating func begin() {
      updateWithPad(at: 0)
    }

    public mutating func update(_ bytes: Span<UInt8>) {
      hash.update(bytes)
    }

    public mutating func finish() -> [32 of UInt8] {
      let inner = hash.finishInline()
      updateWithPad(at: Self.blockBytes)
      hash.update(inner.span)
      return hash.finishInline()
    }

    private mutating func updateWithPad(at offset: Int) {
      let pad = unsafe UnsafeBufferPointer(start: pads + offset, count: Self.blockBytes)
      unsafe hash.update(pad.span)
    }

    private static func copy(_ bytes: Span<UInt8>, to target: UnsafeMutablePointer<UInt8>) {
      for index in bytes.indices { unsafe target[index] = bytes[index] }
    }
  }
}
