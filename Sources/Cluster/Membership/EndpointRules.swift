import Bytes

/// Which addresses a node may go by. Sources: RFC 1122
/// §3.2.1.3 and RFC 4291 §2.5: one that means "here" or "any" names nobody to somebody else.
enum EndpointKind: Equatable {
  /// 0.0.0.0, ::, a broadcast, multicast or link-local address: nobody can be dialled by it.
  case unusable
  /// Reaches a process on the same machine only.
  case loopback
  case address
  /// A name; what it stands for is the dialler's to find out.
  case name
}

extension Endpoint {
  var kind: EndpointKind {
    if host.contains(UInt8(ascii: ":")) { return kindOfIPv6 }
    if let address = ipv4 { return Self.kind(ofIPv4: address) }
    let lower = host.map { $0 >= 0x41 && $0 <= 0x5a ? $0 | 0x20 : $0 }
    let isLocal = lower == Array("localhost".utf8) || lower.hasSuffix(".localhost")
    return isLocal ? .loopback : .name
  }

  /// Four decimal numbers, and nothing else, as `inet_pton` takes them.
  private var ipv4: UInt32? { Self.ipv4(host[...]) }

  private static func ipv4(_ text: ArraySlice<UInt8>) -> UInt32? {
    let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var address: UInt32 = 0
    for part in parts {
      guard !part.isEmpty, part.count <= 3 else { return nil }
      var number: UInt32 = 0
      for digit in part {
        guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
        number = number * 10 + UInt32(digit - UInt8(ascii: "0"))
      }
      guard number <= 255 else { return nil }
      address = address << 8 | number
    }
    return address
  }

  private static func kind(ofIPv4 address: UInt32) -> EndpointKind {
    switch address >> 24 {
    case 0, 224...255: .unusable
    case 127: .loopback
    case 169 where address >> 16 & 255 == 254: .unusable
    default: .address
    }
  }

  private var kindOfIPv6: EndpointKind {
    // An address of a dual-stack socket: what counts is the IPv4 address at its end.
    if host.contains(UInt8(ascii: ".")), let colon = host.lastIndex(of: UInt8(ascii: ":")),
      let address = Self.ipv4(host[(colon + 1)...])
    {
      return Self.kind(ofIPv4: address)
    }
    let digits = host.filter { $0 != UInt8(ascii: ":") && $0 != UInt8(ascii: "0") }
    if digits.isEmpty { return .unusable }
    if digits == [UInt8(ascii: "1")], host.last == UInt8(ascii: "1"),
      host.starts(with: [UInt8(ascii: ":")]) || host.starts(with: [UInt8(ascii: "0")])
    {
      return .loopback
    }
    let head = host.prefix(4).map { $0 >= 0x41 && $0 <= 0x5a ? $0 | 0x20 : $0 }
    // fe80::/10 and ff00::/8.
    if head.starts(with: Array("fe8".utf8)) || head.starts(with: Array("fe9".utf8))
      || head.starts(with: Array("fea".utf8)) || head.starts(with: Array("feb".utf8))
      || (head.count == 4 && head.starts(with: Array("ff".utf8)) && host.count > 4)
    {
      return .unusable
    }
    return .address
  }
}

extension Array where Element == UInt8 {
  fileprivate func hasSuffix(_ text: String) -> Bool {
    count >= text.utf8.count && self[(count - text.utf8.count)...].elementsEqual(text.utf8)
  }
}
