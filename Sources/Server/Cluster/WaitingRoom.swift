// The node listens before it knows its cluster: it answers that it lives, and nothing else.

import Bytes
import HTTP
import Platform

/// Data loops without data, on the node's own listeners, until the cluster is found.
struct WaitingRoom: ~Copyable {
  private let gates: [LoopGate]
  private var loops: Slab<Thread.Handle>

  init(
    _ configuration: Configuration, _ listeners: borrowing Slab<Listener>, descriptors: UInt64,
    door: TLSDoor?, logger: Logger
  ) throws(StorageError) {
    let gates = try LoopGate.make(listeners.count)
    let node = NodeContext(
      configuration: configuration,
      database: Database(
        cluster: 0, origins: Origins(own: Origin(node: 0, boot: 0)), gates: gates,
        limits: configuration.limits),
      gates: gates, passwords: PasswordQueue(), logger: logger,
      description: NodeDescription(
        address: [], nodeID: "", boot: 0, started: SystemClock.monotonic()),
      descriptors: descriptors, isWaitingRoom: true, door: door)
    var loops = Slab<Thread.Handle>()
    do throws(SystemError) {
      for index in 0..<gates.count {
        let loop = Handover(
          try DataLoop(node: node, index: index, listener: listeners[index].duplicate()))
        _ = loops.insert(
          try Thread.start(name: "waiting-\(index)") {
            var loop = loop.take()
            loop.run()
          })
      }
    } catch {
      throw StorageError(message: "\(error)", code: .cannotStart)
    }
    self.gates = gates
    self.loops = loops
  }

  /// Finishes what is being answered. Connections that wait at the listeners stay there.
  consuming func close() {
    for gate in gates { gate.mailbox.post(.drain) }
    for index in 0..<gates.count { loops.remove(index).join() }
  }
}

extension DataLoop {
  /// The routes of a node that looks for its cluster.
  mutating func waitingRoute(_ call: borrowing Call, _ path: borrowing Path) {
    if path.count == 1 {
      if path[0].equals("livez") { return only(call, "GET, HEAD, OPTIONS") { $0.livez($1) } }
      if path[0].equals("heartbeat") {
        return only(call, "GET, HEAD, OPTIONS") { $0.heartbeat($1) }
      }
    }
    let seeds = node.configuration.joinAddresses.map { "\($0.host):\($0.port)" }
    fail(
      call.slot, call.style, 503,
      "this node has not joined its cluster yet: none of \(seeds.joined(separator: ", ")) lets it in, its log says why",
      retryAfterSeconds: 1)
  }
}
