internal import CLinux
internal import Glibc

extension InternetAddress {
  /// A literal such as `10.0.0.1`, `::1` or `[::1]`; nil where the text is a name.
  public init?(literal text: String) {
    var text = text[...]
    if text.hasPrefix("["), text.hasSuffix("]") { text = text.dropFirst().dropLast() }
    var four = in_addr()
    if unsafe inet_pton(AF_INET, String(text), &four) == 1 {
      self.init(high: 0, low: 0xffff_0000_0000 | UInt64(UInt32(bigEndian: four.s_addr)))
      return
    }
    var six = in6_addr()
    guard unsafe inet_pton(AF_INET6, String(text), &six) == 1 else { return nil }
    let (high, low) = unsafe withUnsafeBytes(of: &six) {
      unsafe (
        $0.loadUnaligned(as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
      )
    }
    self.init(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low))
  }

  private var four: UInt32 { UInt32(truncatingIfNeeded: low) }

  /// `0.0.0.0` or `::`: every address of the machine, so no address of anybody.
  public var isWildcard: Bool { isIPv4 ? four == 0 : high == 0 && low == 0 }

  /// `127.0.0.0/8` or `::1`: only this machine reaches it.
  public var isLoopback: Bool { isIPv4 ? four >> 24 == 127 : high == 0 && low == 1 }

  /// `169.254.0.0/16` or `fe80::/10`: it means something on one wire only.
  public var isLinkLocal: Bool { isIPv4 ? four >> 16 == 0xa9fe : high >> 54 == 0x3fa }

  /// `224.0.0.0/4`, `255.255.255.255` or `ff00::/8`: many, or none.
  public var isMulticast: Bool { isIPv4 ? four >> 28 >= 14 : high >> 56 == 0xff }
}

/// What the kernel knows of the ways out of this machine. No call here sends anything.
public enum Routing {
  /// The own address from which `destination` is reached; nil where it is not.
  public static func source(toReach destination: InternetAddress) -> InternetAddress? {
    let target = SocketAddress(destination, port: 9)
    let raw = socket(
      target.family, Int32(SOCK_DGRAM.rawValue) | Socket.closeOnExecFlag, 0)
    guard raw >= 0 else { return nil }
    let probe = Descriptor(owning: raw)
    // Connecting a UDP socket only looks up the route.
    guard unsafe target.withAddress({ unsafe Glibc.connect(probe.raw, $0, $1) }) == 0 else {
      return nil
    }
    return Socket.local(probe.raw)?.address
  }

  /// The own address on the interface of the default route; nil where there is no such route.
  public static func defaultSource() -> InternetAddress? {
    // Of the blocks for documentation (RFC 5737, RFC 3849): routed as anything far away is.
    for far in ["192.0.2.1", "2001:db8::1"] {
      guard let destination = InternetAddress(literal: far),
        let own = source(toReach: destination), !own.isLoopback, !own.isLinkLocal
      else { continue }
      return own
    }
    return nil
  }

  /// One own address of each interface that is up and leads to others: its first IPv4 address, or
  /// its first IPv6 address where it has no other.
  public static func interfaceAddresses() -> [InternetAddress] {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard unsafe getifaddrs(&list) == 0 else { return [] }
    defer { unsafe freeifaddrs(list) }
    let mustHave = UInt32(IFF_UP | IFF_RUNNING)
    let mustNot = UInt32(IFF_LOOPBACK)
    var found: [(interface: String, address: InternetAddress)] = []
    var next = unsafe list
    while let entry = unsafe next {
      unsafe next = entry.pointee.ifa_next
      let flags = unsafe entry.pointee.ifa_flags
      guard flags & mustHave == mustHave, flags & mustNot == 0,
        let raw = unsafe entry.pointee.ifa_addr, let copy = unsafe SocketAddress(copying: raw)
      else { continue }
      var port: UInt16 = 0
      let address = InternetAddress(copy.storage, port: &port)
      guard !address.isLinkLocal, !address.isLoopback else { continue }
      let interface = unsafe String(cString: entry.pointee.ifa_name)
      guard let known = found.firstIndex(where: { $0.interface == interface }) else {
        found.append((interface, address))
        continue
      }
      if address.isIPv4, !found[known].address.isIPv4 { found[known].address = address }
    }
    return found.map(\.address)
  }
}
