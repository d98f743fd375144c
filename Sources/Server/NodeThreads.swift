// The threads of a running node.

import Bytes
import Platform

/// The threads of a node, and the order in which they end.
struct NodeThreads: ~Copyable {
  private let log: Thread.Handle
  private let checkpoint: Thread.Handle
  private let passwords: Thread.Handle
  private let checkpointGate: CheckpointGate
  private var loops = Slab<Thread.Handle>()
  private var cluster: Thread.Handle?
  private var resolving: Thread.Handle?
  private var resolver: Resolver?

  /// Letting a peer know that this node goes takes one datagram.
  private static let leaveMilliseconds: UInt64 = 150

  init(
    log: consuming Thread.Handle, checkpoint: consuming Thread.Handle,
    passwords: consuming Thread.Handle, checkpointGate: CheckpointGate
  ) {
    self.log = log
    self.checkpoint = checkpoint
    self.passwords = passwords
    self.checkpointGate = checkpointGate
  }

  mutating func addLoop(_ handle: consuming Thread.Handle) { _ = loops.insert(handle) }

  mutating func start(_ threads: ClusterThreads) throws(SystemError) {
    let (loop, resolver) = (threads.loop, threads.resolver)
    self.resolver = resolver
    resolving = try Thread.start(name: "resolver") { resolver.run() }
    cluster = try Thread.start(name: "cluster") {
      var loop = loop.take()
      loop.run()
    }
  }

  /// Waits until the node is to stop, then ends the threads: first those that make work, then those
  /// that finish it.
  consuming func wait(_ node: NodeContext, _ stop: StopRequest) {
    while !stop.wait(milliseconds: 3_600_000) {}
    if let gate = node.cluster {
      gate.beginLeaving()
      if gate.hasPeers { _ = Waiter().wait(milliseconds: Self.leaveMilliseconds) }
    }
    for gate in node.gates { gate.mailbox.post(.drain) }
    for index in 0..<node.gates.count { loops.remove(index).join() }
    node.cluster?.mailbox.post(.close)
    cluster.take()?.join()
    resolver?.close()
    // A lookup that is under way may take a minute, and nobody waits for it any more.
    resolving = nil
    node.passwords.close()
    passwords.join()
    checkpointGate.close()
    checkpoint.join()
    log.join()
  }
}

/// The cluster loop before its thread runs, and who looks names up for it.
struct ClusterThreads {
  let loop: Handover<ClusterLoop>
  let resolver: Resolver
}
