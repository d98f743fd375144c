public import Bytes
internal import CLinux
internal import Glibc

/// A bound UDP socket that never blocks.
///
/// Datagrams may get lost at any time, so nothing here fails for good: what cannot be sent counts
/// as lost on the way.
public struct DatagramSocket: ~Copyable, Sendable {
  public let descriptor: Descriptor
  /// The port it is bound to, also where the system chose it.
  public let port: UInt16
  private let isIPv6: Bool

  /// Binds to an address or name as `Socket.listen` does: a name with addresses of both families
  /// to its first IPv4 address, `::` to both families.
  public static func bound(host: String, port: UInt16) throws(SocketError) -> DatagramSocket {
    let target = try Socket.resolve(host, port: port, passive: true)
      .min { $0.family != AF_INET6 && $1.family == AF_INET6 }!
    let kind = Int32(SOCK_DGRAM.rawValue) | Socket.closeOnExecFlag | Socket.nonBlockingFlag
    let raw = socket(target.family, kind, 0)
    guard raw >= 0 else { throw .system(.last("socket")) }
    let descriptor = Descriptor(owning: raw)
    let isIPv6 = target.family == AF_INET6
    if isIPv6 { Socket.setOption(raw, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 0) }
    if unsafe target.withAddress({ unsafe Glibc.bind(raw, $0, $1) }) != 0 {
      throw errno == EADDRINUSE ? .inUse(host: host, port: port) : .system(.last("bind"))
    }
    guard let bound = Socket.local(raw) else { throw .system(.last("getsockname")) }
    return DatagramSocket(descriptor: descriptor, port: bound.port, isIPv6: isIPv6)
  }

  /// Hands a datagram to the kernel; false where it did not take it, which is as good as lost.
  @discardableResult
  public func send(_ bytes: Span<UInt8>, to address: InternetAddress, port: UInt16) -> Bool {
    let target = isIPv6 ? SocketAddress(inIPv6: address, port: port) : .init(address, port: port)
    let raw = descriptor.raw
    let sent = unsafe bytes.withUnsafeBytes { source in
      unsafe target.withAddress { address, length in
        retryingInterrupts {
          unsafe sendto(
            raw, source.baseAddress, source.count, Int32(MSG_NOSIGNAL), address, length)
        }
      }
    }
    return sent == bytes.count
  }

  /// Takes the next datagram that waits: its bytes replace those of `buffer`.
  ///
  /// - Parameter bytesMax: a longer datagram is dropped, and the one behind it taken.
  /// - Returns: who sent it; nil where none waits.
  public func receive(
    into buffer: inout ByteBuffer, bytesMax: Int
  ) -> (address: InternetAddress, port: UInt16)? {
    var storage = sockaddr_storage()
    let raw = descriptor.raw
    // What arrives while these are looked at can wait for the next turn.
    for _ in 0..<Self.refusedMax {
      buffer.clear()
      var count = -1
      _ = unsafe buffer.fill(minimum: bytesMax + 1) { target in
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        count = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
          unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { source in
            retryingInterrupts {
              unsafe recvfrom(raw, target.baseAddress, bytesMax + 1, 0, source, &length)
            }
          }
        }
        return max(count, 0)
      }
      if count < 0 {
        // Linux reports here that an earlier datagram found nobody: that says nothing of the next.
        if errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH { continue }
        return nil
      }
      guard count <= bytesMax else { continue }
      var port: UInt16 = 0
      let address = InternetAddress(storage, port: &port)
      return (address, port)
    }
    return nil
  }

  private static let refusedMax = 64
}

extension SocketAddress {
  /// The address as a socket of the family IPv6 takes it: an IPv4 address in its mapped form.
  init(inIPv6 address: InternetAddress, port: UInt16) {
    var target = sockaddr_in6()
    target.sin6_family = sa_family_t(AF_INET6)
    target.sin6_port = port.bigEndian
    unsafe withUnsafeMutableBytes(of: &target.sin6_addr) {
      unsafe $0.storeBytes(of: address.high.bigEndian, as: UInt64.self)
      unsafe $0.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
    }
    unsafe withUnsafeMutableBytes(of: &storage) {
      // A sockaddr_storage is larger than, and aligned for, every address of a family.
      unsafe $0.storeBytes(of: target, as: sockaddr_in6.self)
    }
    length = socklen_t(MemoryLayout<sockaddr_in6>.size)
  }
}
