// Under which address the other nodes of the cluster are told to dial this one.

import Bytes
import Cluster
import Platform

/// What the machine says about its own addresses; a test says something else.
struct RouteTable {
  var sourceToReach: (InternetAddress) -> InternetAddress? = Routing.source(toReach:)
  var defaultSource: () -> InternetAddress? = Routing.defaultSource
  var interfaceAddresses: () -> [InternetAddress] = Routing.interfaceAddresses
  var resolve: (String) -> [InternetAddress] = { (try? InternetAddress.resolve($0)) ?? [] }
}

/// Finds the advertised address, in this order: what `DYNA_ADVERTISE` says, a specific address that
/// is listened on, the own address from which the peer to join is reached, the own address on the
/// interface of the default route (docs/decisions/014).
enum AdvertisedAddress {
  /// Why a node cannot say where it is reached.
  struct Unknown: Error, Equatable {
    let message: String
  }

  /// - Parameters:
  ///   - configured: `host` or `host:port` of `DYNA_ADVERTISE`.
  ///   - bound: the listening host and port; the port is known by now.
  ///   - seeds: nodes to join, the first that has a route counts.
  static func find(
    configured: String?, boundHost: String, boundPort: UInt16, seeds: [Endpoint],
    routes: RouteTable = RouteTable()
  ) throws(Unknown) -> Endpoint {
    if let configured { return try explicit(configured, port: boundPort, routes) }
    let bound = InternetAddress(literal: boundHost) ?? routes.resolve(boundHost).first
    guard let bound else { throw Unknown(message: "\(boundHost) has no address") }
    if !bound.isWildcard {
      guard !bound.isLinkLocal, !bound.isMulticast else {
        throw Unknown(
          message: "\(bound) cannot be dialled by other nodes: set DYNA_ADVERTISE to host:port")
      }
      return Endpoint(bound, port: boundPort)
    }
    for seed in seeds {
      for address in routes.resolve(seed.hostText) {
        guard let own = routes.sourceToReach(address), !own.isWildcard, !own.isLinkLocal else {
          continue
        }
        return Endpoint(own, port: boundPort)
      }
    }
    if let own = routes.defaultSource(), bound.takes(own) { return Endpoint(own, port: boundPort) }
    // Without a default route, as in an internal network of containers, an only address is the one.
    let all = routes.interfaceAddresses().filter { bound.takes($0) }
    let four = all.filter(\.isIPv4)
    let candidates = four.isEmpty ? all : four
    if candidates.count > 1 {
      throw Unknown(
        message: """
          this machine has several addresses and no default route: set DYNA_ADVERTISE to the one \
          that the other nodes reach, of \(candidates.map { "\($0)" }.joined(separator: ", "))
          """)
    }
    if let own = candidates.first { return Endpoint(own, port: boundPort) }
    // A machine without a network still is a cluster of its own, which only itself can reach.
    if seeds.isEmpty { return Endpoint(host: Array("127.0.0.1".utf8), port: boundPort) }
    throw Unknown(
      message:
        "no own address is known from which \(seeds[0].hostText) is reached: set DYNA_ADVERTISE to host:port"
    )
  }

  private static func explicit(
    _ text: String, port: UInt16, _ routes: RouteTable
  ) throws(Unknown) -> Endpoint {
    let (host, port) = split(text, port: port)
    guard !host.isEmpty, host.utf8.count <= 255 else {
      throw Unknown(message: "DYNA_ADVERTISE is \(text); it must be host or host:port")
    }
    if let address = InternetAddress(literal: host) {
      guard !address.isWildcard, !address.isLinkLocal, !address.isMulticast else {
        throw Unknown(
          message: "DYNA_ADVERTISE is \(text), which nobody can dial: it must name this machine")
      }
      return Endpoint(address, port: port)
    }
    return Endpoint(host: Array(host.utf8), port: port)
  }

  private static func split(_ text: String, port: UInt16) -> (host: String, port: UInt16) {
    if let both = Configuration.splitAddress(text) { return both }
    var host = text[...]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    return (String(host), port)
  }
}

extension InternetAddress {
  /// Whether a socket that is bound to this wildcard is reached by that address: `0.0.0.0` takes
  /// IPv4 alone, `::` both.
  fileprivate func takes(_ address: InternetAddress) -> Bool { address.isIPv4 || !isIPv4 }
}

extension Endpoint {
  init(_ address: InternetAddress, port: UInt16) {
    self.init(host: Array("\(address)".utf8), port: port)
  }

  var hostText: String { String(decoding: host, as: UTF8.self) }

  /// `host:port`, an IPv6 address in brackets: how `/membership` names a node.
  var text: String { host.contains(0x3a) ? "[\(hostText)]:\(port)" : "\(hostText):\(port)" }
}
