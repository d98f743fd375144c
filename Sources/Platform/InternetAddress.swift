internal import CLinux
internal import Glibc

/// An IPv4 or IPv6 address without a port: whom a limit per address counts.
///
/// An IPv4 address is held in its IPv6 form `::ffff:a.b.c.d`, so that a client is the same one
/// whether it came in by an IPv4 or by a dual-stack listener.
public struct InternetAddress: Hashable, Sendable, CustomStringConvertible {
  /// The first eight of the sixteen bytes, in network order.
  public let high: UInt64
  /// The last eight.
  public let low: UInt64

  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// No address at all: `::`.
  public static let unknown = InternetAddress(high: 0, low: 0)

  public var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }

  /// Dotted decimals, or the short form of RFC 5952.
  public var description: String {
    if isIPv4 {
      let address = UInt32(truncatingIfNeeded: low)
      return "\(address >> 24).\(address >> 16 & 255).\(address >> 8 & 255).\(address & 255)"
    }
    var bytes = (high.bigEndian, low.bigEndian)
    let longest = Int(INET6_ADDRSTRLEN)
    return unsafe String(unsafeUninitializedCapacity: longest) { buffer in
      let room = unsafe UnsafeMutableRawPointer(buffer.baseAddress!)
        .assumingMemoryBound(to: CChar.self)
      guard unsafe inet_ntop(AF_INET6, &bytes, room, socklen_t(longest)) != nil else { return 0 }
      return unsafe strnlen(room, longest)
    }
  }

  /// The address in a `sockaddr` of either family, and its port.
  init(_ storage: sockaddr_storage, port: inout UInt16) {
    var storage = storage
    switch Int32(storage.ss_family) {
    case AF_INET:
      let (address, number) = unsafe withUnsafeBytes(of: &storage) {
        // A sockaddr_storage is larger than, and aligned for, every address of a family.
        let address = unsafe $0.load(as: sockaddr_in.self)
        return (UInt32(bigEndian: address.sin_addr.s_addr), UInt16(bigEndian: address.sin_port))
      }
      self.init(high: 0, low: 0xffff_0000_0000 | UInt64(address))
      port = number
    case AF_INET6:
      let (bytes, number) = unsafe withUnsafeBytes(of: &storage) {
        let address = unsafe $0.load(as: sockaddr_in6.self)
        var bytes = address.sin6_addr
        let words = unsafe withUnsafeBytes(of: &bytes) {
          unsafe (
            $0.loadUnaligned(as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
          )
        }
        return (words, UInt16(bigEndian: address.sin6_port))
      }
      self.init(high: UInt64(bigEndian: bytes.0), low: UInt64(bigEndian: bytes.1))
      port = number
    default:
      self = .unknown
      port = 0
    }
  }
}
