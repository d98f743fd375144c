internal import CLinux
internal import Glibc

/// An address as the socket calls take it.
struct SocketAddress {
  var storage = sockaddr_storage()
  var length: socklen_t = 0

  var family: Int32 { Int32(storage.ss_family) }

  @unsafe func withAddress<Result>(
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    unsafe withUnsafePointer(to: storage) { pointer in
      // Every kind of socket address begins like sockaddr and fits sockaddr_storage.
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe body($0, length)
      }
    }
  }
}

extension SocketAddress {
  /// A copy of an IPv4 or IPv6 address that the C library gave; nil where it is of another family.
  @unsafe init?(copying address: UnsafePointer<sockaddr>) {
    let size: Int
    switch unsafe Int32(address.pointee.sa_family) {
    case AF_INET: size = MemoryLayout<sockaddr_in>.size
    case AF_INET6: size = MemoryLayout<sockaddr_in6>.size
    default: return nil
    }
    unsafe withUnsafeMutableBytes(of: &storage) {
      unsafe $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: size))
    }
    length = socklen_t(size)
  }

  /// The address of a port. What came as `::ffff:a.b.c.d` is dialled as IPv4.
  init(_ address: InternetAddress, port: UInt16) {
    unsafe withUnsafeMutableBytes(of: &storage) {
      // A sockaddr_storage is larger than, and aligned for, every address of a family.
      if address.isIPv4 {
        var target = sockaddr_in()
        target.sin_family = sa_family_t(AF_INET)
        target.sin_port = port.bigEndian
        target.sin_addr.s_addr = UInt32(truncatingIfNeeded: address.low).bigEndian
        unsafe $0.storeBytes(of: target, as: sockaddr_in.self)
      } else {
        var target = sockaddr_in6()
        target.sin6_family = sa_family_t(AF_INET6)
        target.sin6_port = port.bigEndian
        unsafe withUnsafeMutableBytes(of: &target.sin6_addr) {
          unsafe $0.storeBytes(of: address.high.bigEndian, as: UInt64.self)
          unsafe $0.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        unsafe $0.storeBytes(of: target, as: sockaddr_in6.self)
      }
    }
    length = socklen_t(
      address.isIPv4 ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size)
  }
}

extension Socket {
  /// All TCP addresses of a literal or a name, at least one. Blocks while a name is looked up.
  static func resolve(
    _ host: String, port: UInt16, passive: Bool
  ) throws(SocketError) -> [SocketAddress] {
    var bare = host[...]
    if bare.hasPrefix("["), bare.hasSuffix("]") { bare = bare.dropFirst().dropLast() }
    // An empty name would mean "any" to getaddrinfo; whoever wants that writes 0.0.0.0 or ::.
    guard !bare.isEmpty, !bare.utf8.contains(0) else {
      throw .unresolvable(host: host, reason: "it is not a name")
    }
    // RFC 6761 §6.3: the name is this machine's own, also where no /etc/hosts says so.
    if bare == "localhost" { bare = "127.0.0.1" }
    var hints = unsafe addrinfo()
    unsafe hints.ai_family = AF_UNSPEC
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    unsafe hints.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = unsafe getaddrinfo(String(bare), String(port), &hints, &list)
    guard code == 0 else {
      let reason =
        code == EAI_SYSTEM ? SystemError.text(of: errno) : unsafe text(gai_strerror(code))
      throw .unresolvable(host: host, reason: reason)
    }
    defer { unsafe freeaddrinfo(list) }

    var found: [SocketAddress] = []
    var next = unsafe list
    while let entry = unsafe next?.pointee {
      unsafe next = entry.ai_next
      guard let address = unsafe entry.ai_addr, let copy = unsafe SocketAddress(copying: address)
      else { continue }
      found.append(copy)
    }
    guard !found.isEmpty else { throw .unresolvable(host: host, reason: "it has no address") }
    return found
  }

  private static func text(_ message: UnsafePointer<CChar>?) -> String {
    if let message = unsafe message { return unsafe String(cString: message) }
    return "unknown"
  }
}
