import Cluster
import Platform
import Testing

@testable import Server

/// Which address a node tells the others to dial.
@Suite("Advertised address")
struct AdvertisedAddressTests {
  /// A machine in two networks: 10.0.0.5 and 192.168.1.5, the second with the default route.
  private var routes: RouteTable {
    RouteTable(
      sourceToReach: { destination in
        let text = "\(destination)"
        if text.hasPrefix("10.") { return InternetAddress(literal: "10.0.0.5") }
        if text.hasPrefix("127.") { return InternetAddress(literal: "127.0.0.1") }
        return InternetAddress(literal: "192.168.1.5")
      },
      defaultSource: { InternetAddress(literal: "192.168.1.5") },
      interfaceAddresses: { ["10.0.0.5", "192.168.1.5"].map { InternetAddress(literal: $0)! } },
      resolve: { name in
        if let literal = InternetAddress(literal: name) { return [literal] }
        return name == "seed" ? [InternetAddress(literal: "10.0.0.9")!] : []
      })
  }

  private func find(
    _ host: String, configured: String? = nil, seeds: [(String, UInt16)] = []
  ) throws -> String {
    try AdvertisedAddress.find(
      configured: configured, boundHost: host, boundPort: 6660,
      seeds: seeds.map { Endpoint(host: Array($0.0.utf8), port: $0.1) }, routes: routes
    ).text
  }

  @Test(
    "DYNA_ADVERTISE counts first, with the bound port where it names none",
    arguments: [
      ("10.1.1.1", "10.1.1.1:6660"), ("10.1.1.1:7000", "10.1.1.1:7000"),
      ("node-a", "node-a:6660"), ("node-a:7000", "node-a:7000"),
      ("[fd00::1]:7000", "[fd00::1]:7000"),
      ("[fd00::1]", "[fd00::1]:6660"),
    ])
  func configured(text: String, expected: String) throws {
    #expect(try find("0.0.0.0", configured: text) == expected)
  }

  @Test(
    "what nobody can dial is refused with the name of the variable",
    arguments: [
      "0.0.0.0", "[::]:6660", "169.254.1.1:6660", "fe80::1", "224.0.0.1", "255.255.255.255",
    ])
  func undialable(text: String) throws {
    #expect { try find("0.0.0.0", configured: text) } throws: {
      "\(($0 as? AdvertisedAddress.Unknown)?.message ?? "")".contains("DYNA_ADVERTISE")
    }
  }

  @Test("a specific bound address is advertised as it is")
  func specific() throws {
    #expect(try find("127.0.0.1") == "127.0.0.1:6660")
    #expect(try find("10.0.0.5", seeds: [("192.168.1.9", 1)]) == "10.0.0.5:6660")
    #expect(try find("::1") == "[::1]:6660")
  }

  @Test("bound to every address, the one from which the seed is reached is advertised")
  func wildcardWithSeed() throws {
    #expect(try find("0.0.0.0", seeds: [("10.0.0.9", 6660)]) == "10.0.0.5:6660")
    #expect(try find("::", seeds: [("seed", 6660)]) == "10.0.0.5:6660")
    #expect(try find("0.0.0.0", seeds: [("172.16.0.1", 6660)]) == "192.168.1.5:6660")
    #expect(try find("0.0.0.0", seeds: [("127.0.0.1", 6660)]) == "127.0.0.1:6660")
  }

  @Test("bound to every address without a seed that has one, the default route counts")
  func wildcardAlone() throws {
    #expect(try find("0.0.0.0") == "192.168.1.5:6660")
    #expect(try find("0.0.0.0", seeds: [("unknown", 6660)]) == "192.168.1.5:6660")
  }

  /// What a node that listens on `host` advertises where there is no default route.
  private func find(_ host: String, interfaces: [String]) throws -> String {
    let routes = RouteTable(
      sourceToReach: { _ in nil }, defaultSource: { nil },
      interfaceAddresses: { interfaces.map { InternetAddress(literal: $0)! } },
      resolve: { InternetAddress(literal: $0).map { [$0] } ?? [] })
    return try AdvertisedAddress.find(
      configured: nil, boundHost: host, boundPort: 6660, seeds: [], routes: routes
    ).text
  }

  @Test(
    "without a default route the only interface counts; IPv4 first, IPv6 only where it is listened on",
    arguments: [
      ("0.0.0.0", ["10.0.0.5"], "10.0.0.5:6660"),
      ("0.0.0.0", ["fd00::5", "10.0.0.5"], "10.0.0.5:6660"),
      ("::", ["fd00::5", "10.0.0.5"], "10.0.0.5:6660"),
      ("::", ["fd00::5"], "[fd00::5]:6660"),
      ("0.0.0.0", ["fd00::5"], "127.0.0.1:6660"),
    ])
  func onlyInterface(host: String, interfaces: [String], expected: String) throws {
    #expect(try find(host, interfaces: interfaces) == expected)
  }

  @Test("of several interfaces without a default route none is guessed: the message lists them")
  func severalInterfaces() throws {
    #expect { try find("0.0.0.0", interfaces: ["10.0.0.5", "192.168.1.5"]) } throws: {
      let message = ($0 as? AdvertisedAddress.Unknown)?.message ?? ""
      return message.contains("set DYNA_ADVERTISE") && message.contains("10.0.0.5, 192.168.1.5")
    }
  }

  @Test("a machine without a network is reached by itself alone, and cannot join by a wildcard")
  func noNetwork() throws {
    let none = RouteTable(
      sourceToReach: { _ in nil }, defaultSource: { nil }, interfaceAddresses: { [] },
      resolve: { InternetAddress(literal: $0).map { [$0] } ?? [] })
    let alone = try AdvertisedAddress.find(
      configured: nil, boundHost: "0.0.0.0", boundPort: 1, seeds: [], routes: none)
    #expect(alone.text == "127.0.0.1:1")
    #expect { () throws in
      try AdvertisedAddress.find(
        configured: nil, boundHost: "0.0.0.0", boundPort: 1,
        seeds: [Endpoint(host: Array("10.0.0.9".utf8), port: 1)], routes: none)
    } throws: { "\($0)".contains("DYNA_ADVERTISE") }
  }
}
