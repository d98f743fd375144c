// A node from its start to its end: open, recover, listen, serve, drain, close.

import Auth
import Bytes
import Durability
public import Platform
import Store
import Synchronization

/// A running node.
public enum Server {
  public static let version = "0.1.0"
  private static let keyBytes = 32

  /// Why a node did not start: one line for stderr, and the exit code.
  public struct StartError: Error {
    public let message: String
    public let code: ExitCode
  }

  /// Runs a node until it is told to stop; returns once everything is on disk.
  ///
  /// Call `Signals.block` before any thread starts.
  ///
  /// - Parameter embeddedKey: the key that the build embedded, where it did.
  public static func run(
    _ configuration: Configuration, embeddedKey: [UInt8]?
  ) throws(StartError) {
    let started = SystemClock.monotonic()
    let logger = Logger(level: LogLevel(configuration.logLevel) ?? .info)
    let descriptors = Machine.raiseDescriptorLimit().soft
    if configuration.tokenSecret.count < 16 {
      logger.warn("JWT_SECRET is shorter than 16 bytes: whoever guesses it can be any user")
    }

    // The ports come first: a node that cannot listen must not count a start.
    let loopCount = configuration.loopCount ?? Machine.availableCores()
    var listeners = try openListeners(configuration, count: loopCount)
    let port = listeners[0].port
    do throws(StorageError) {
      let key = try readKey(file: configuration.encryptionKeyFile, embedded: embeddedKey)
      let storage = try Storage.open(configuration.dataDirectory, keyEncryptionKey: key)
      try serve(
        configuration, storage, &listeners, port: port, descriptors: descriptors, logger: logger,
        started: started)
    } catch {
      throw StartError(message: error.message, code: error.code)
    }
    logger.info("stopped")
  }

  // MARK: Parts of the start

  private static func openListeners(
    _ configuration: Configuration, count: Int
  ) throws(StartError) -> Slab<Listener> {
    var listeners = Slab<Listener>()
    do throws(SocketError) {
      var port = configuration.port
      for index in 0..<count {
        let share: PortShare = count == 1 ? .alone : index == 0 ? .first : .further
        let listener = try Socket.listen(
          host: configuration.host, port: port, backlog: 4_096, share: share)
        port = listener.port
        _ = listeners.insert(listener)
      }
    } catch {
      throw StartError(
        message: "cannot listen on \(configuration.host):\(configuration.port): \(error)",
        code: .cannotStart)
    }
    return listeners
  }

  /// The key-encryption key: of the file, else the embedded one.
  static func readKey(
    file: String?, embedded: [UInt8]?
  ) throws(StorageError) -> [UInt8] {
    guard let path = file else {
      if let embedded { return embedded }
      throw StorageError(
        message:
          "this binary has no encryption key: set DYNA_ENCRYPTION_KEY_FILE to a file of 32 random bytes, or run encryption.sh and build again",
        code: .cannotStart)
    }
    do throws(FileError) {
      let key = try Machine.readWholeFile(path, limit: 4_096)
      if key.count == keyBytes { return key }
    } catch {
      throw StorageError(message: "DYNA_ENCRYPTION_KEY_FILE: \(error)", code: .cannotStart)
    }
    throw StorageError(
      message:
        "DYNA_ENCRYPTION_KEY_FILE: \(path) is not a key of \(keyBytes) bytes, as encryption.sh makes one",
      code: .cannotStart)
  }

  private static func serve(
    _ configuration: Configuration, _ storage: borrowing Storage,
    _ listeners: inout Slab<Listener>, port: UInt16, descriptors: UInt64, logger: Logger,
    started: Instant
  ) throws(StorageError) {
    let identity = storage.identity
    let gates = try makeGates(listeners.count)
    let database = Database(
      cluster: identity.cluster,
      origins: Origins(own: Origin(node: identity.node, boot: identity.boot)), gates: gates,
      limits: configuration.limits)
    let checkpoint = try storage.openCheckpoint()
    let (report, recovered) = try storage.load(into: database, from: checkpoint)
    if report.tornBytes > 0 {
      logger.warn(
        "the log ended in a write that was never acknowledged, which was cut",
        LogField("segment", report.tornSegment), LogField("bytes", "\(report.tornBytes)"))
    }
    let snapshots = try Snapshots(
      directory: storage.directory, keyring: storage.keyring, identity: identity,
      limit: configuration.snapshotLimit)

    var nodeID = ByteBuffer()
    Hex.append(identity.node, digits: 16, to: &nodeID)
    let host = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
    let address = "\(host):\(port)"
    let passwords = PasswordQueue()
    let node = NodeContext(
      configuration: configuration, database: database, gates: gates, passwords: passwords,
      logger: logger,
      description: NodeDescription(
        address: Array(address.utf8), nodeID: String(decoding: nodeID.copied(), as: UTF8.self),
        boot: identity.boot, started: started),
      descriptors: descriptors)

    let checkpointer = Checkpointer(
      database: database, keyring: storage.keyring, store: checkpoint)
    let threads = try startThreads(
      node, storage, recovered, checkpointer, position: report.checkpointPosition, snapshots,
      &listeners)
    logger.info(
      "listening", LogField("version", version), LogField("address", address),
      LogField("data", storage.directory),
      LogField("durability", configuration.durability.rawValue),
      LogField("loops", "\(gates.count)"), LogField("records", "\(report.records)"),
      LogField("log_entries", "\(report.logEntries)"), LogField("load_ms", "\(report.milliseconds)")
    )
    Machine.releaseStartupCode()
    try threads.wait(node)
  }

  private static func makeGates(_ count: Int) throws(StorageError) -> [LoopGate] {
    var gates: [LoopGate] = []
    do throws(SystemError) {
      for index in 0..<count { gates.append(try LoopGate(index: index)) }
    } catch {
      throw StorageError(message: "\(error)", code: .cannotStart)
    }
    return gates
  }

  private static func startThreads(
    _ node: NodeContext, _ storage: borrowing Storage, _ recovered: RecoveryReport,
    _ checkpointer: consuming Checkpointer, position: UInt64, _ snapshots: Snapshots,
    _ listeners: inout Slab<Listener>
  ) throws(StorageError) -> NodeThreads {
    let configuration = node.configuration
    let writer = LogWriter(
      disk: storage.disk, keyring: storage.keyring, identity: storage.identity,
      recovered: recovered, options: LogOptions(valueBytesMax: configuration.limits.valueBytesMax))
    var logThread = LogThread(
      log: node.database.log, writer: writer, disk: storage.disk,
      durability: configuration.durability, logger: node.logger)
    do throws(LogError) { try logThread.begin() } catch {
      throw StorageError(message: "\(error)", code: .diskFailed)
    }
    let log = Handover(logThread)
    let gate = CheckpointGate(waiter: node.database.log.checkpoint)
    let checkpoint = Handover(
      CheckpointThread(
        gate: gate, database: node.database, checkpointer: checkpointer, position: position,
        snapshots: snapshots, reserve: Reserve(disk: storage.disk),
        snapshotMinutes: configuration.snapshotMinutes, logger: node.logger))
    let passwords = Handover(
      PasswordThread(
        queue: node.passwords, database: node.database, gates: node.gates,
        adminPassword: configuration.adminPassword))
    do throws(SystemError) {
      var threads = NodeThreads(
        log: try Thread.start(name: "log") {
          var thread = log.take()
          thread.run()
        },
        checkpoint: try Thread.start(name: "checkpoint") { checkpoint.take().run() },
        passwords: try Thread.start(name: "passwords") {
          var thread = passwords.take()
          thread.run()
        },
        checkpointGate: gate)
      for index in 0..<node.gates.count {
        let loop = Handover(
          try DataLoop(node: node, index: index, listener: listeners.remove(index)))
        threads.addLoop(
          try Thread.start(name: "loop-\(index)") {
            var loop = loop.take()
            loop.run()
          })
      }
      return threads
    } catch {
      throw StorageError(message: "\(error)", code: .cannotStart)
    }
  }
}

/// The threads of a node, and the order in which they end.
struct NodeThreads: ~Copyable {
  private let log: Thread.Handle
  private let checkpoint: Thread.Handle
  private let passwords: Thread.Handle
  private let checkpointGate: CheckpointGate
  private var loops = Slab<Thread.Handle>()

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

  /// Waits for a signal to stop, then ends the threads: first those that make work, then those
  /// that finish it.
  consuming func wait(_ node: NodeContext) throws(StorageError) {
    let stop = Waiter()
    let signals: Thread.Handle
    do throws(SystemError) {
      signals = try Signals.deliver { signal in
        if signal == .hangup { return true }
        node.logger.info("stopping", LogField("signal", "\(signal)"))
        stop.notify()
        return false
      }
    } catch {
      throw StorageError(message: "\(error)", code: .cannotStart)
    }
    while !stop.wait(milliseconds: 3_600_000) {}
    signals.join()
    for gate in node.gates { gate.mailbox.post(.drain) }
    for index in 0..<node.gates.count { loops.remove(index).join() }
    node.passwords.close()
    passwords.join()
    checkpointGate.close()
    checkpoint.join()
    log.join()
  }
}
