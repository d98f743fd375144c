import Foundation

/// A network of its own for one process, named as `ip netns` names it.
struct NetworkNamespace: Sendable {
  let name: String

  /// Runs `body` with this thread in the namespace: the sockets that it makes belong there for ever.
  func inside<Result>(_ body: () throws -> Result) throws -> Result {
    let home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
    let there = open("/run/netns/\(name)", O_RDONLY | O_CLOEXEC)
    defer {
      close(home)
      close(there)
    }
    guard home >= 0, there >= 0, setns(there, 0) == 0 else {
      throw Trouble("setns \(name): errno \(errno)")
    }
    defer { _ = setns(home, 0) }
    return try body()
  }

  /// The command in front of one that is to live there, and becomes it.
  var launcher: [String] { ["/usr/bin/env", "ip", "netns", "exec", name] }
}

/// Some machines on one wire: namespaces with the addresses 10.77.0.1, 10.77.0.2, … on a bridge,
/// where packets between any two of them can be lost.
final class TestNetwork: @unchecked Sendable {
  let machines: [NetworkNamespace]

  static let whyNot =
    "network namespaces with iptables are not permitted here (needs root, ip and iptables)"

  /// Whether this process may make namespaces and drop packets in them.
  static let isPermitted: Bool = {
    guard let network = try? TestNetwork(1) else { return false }
    return (try? network.drop(at: 0, from: 0, share: 0.5)) != nil
  }()

  private static let sweep: Void = {
    // Those of processes that are no more.
    for name in (try? FileManager.default.contentsOfDirectory(atPath: "/run/netns")) ?? []
    where name.hasPrefix("dynaswift-") {
      guard let maker = Int32(name.dropFirst(10).prefix { $0 != "-" }),
        kill(maker, 0) != 0 && errno == ESRCH
      else { continue }
      _ = try? run("ip netns del \(name)")
    }
  }()

  /// - Parameter hasDefaultRoute: whether the machines know a way to everywhere, though it leads to
  ///   nothing; without one they are like containers on an internal network.
  init(_ count: Int, hasDefaultRoute: Bool = true) throws {
    Self.sweep
    let prefix = "dynaswift-\(getpid())-\(Serial.next())"
    machines = (0..<count).map { NetworkNamespace(name: "\(prefix)-\($0)") }
    let hub = "\(prefix)-hub"
    let names = machines.map(\.name) + [hub]
    AtExit.shared.add { for name in names { _ = try? Self.run("ip netns del \(name)") } }
    var script = "set -e; ip netns add \(hub); ip -n \(hub) link add wire type bridge"
    script += "; ip -n \(hub) link set wire up"
    for (index, machine) in machines.enumerated() {
      let name = machine.name
      script += """
        ; ip netns add \(name)
        ip -n \(name) link set lo up
        ip -n \(name) link add eth0 type veth peer name port\(index) netns \(hub)
        ip -n \(name) addr add \(Self.address(index))/24 dev eth0
        ip -n \(name) link set eth0 up
        \(hasDefaultRoute ? "ip -n \(name) route add default via 10.77.0.254" : "")
        ip -n \(hub) link set port\(index) master wire up
        """
    }
    try Self.run(script)
  }

  static func address(_ index: Int) -> String { "10.77.0.\(index + 1)" }

  /// Lets the machine `receiver` lose a share of what comes from `sender`.
  func drop(at receiver: Int, from sender: Int, share: Double = 1) throws {
    let part = share < 1 ? "-m statistic --mode random --probability \(share)" : ""
    try Self.run(
      "ip netns exec \(machines[receiver].name) "
        + "iptables -w -A INPUT -s \(Self.address(sender)) \(part) -j DROP")
  }

  /// Cuts every wire between the two sides, in both directions.
  func split(_ some: [Int], from others: [Int]) throws {
    for one in some {
      for other in others {
        try drop(at: one, from: other)
        try drop(at: other, from: one)
      }
    }
  }

  /// Loses nothing any more.
  func heal() throws {
    for machine in machines { try Self.run("ip netns exec \(machine.name) iptables -w -F") }
  }

  private static func run(_ script: String) throws {
    let shell = try ChildProcess(
      "/bin/sh", ["-c", script], environment: [:], workingDirectory: "/")
    let status = try shell.waitForExit()
    guard status == 0 else { throw Trouble("\(script): \(status) \(shell.errorOutput)") }
  }
}

@_silgen_name("setns") private func setns(_ descriptor: Int32, _ kind: Int32) -> Int32
