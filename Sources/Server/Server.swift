// A node from its start to its end: open, recover, listen, serve, drain, close.

import Auth
import Bytes
import Cluster
import Crypto
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

    let door = try openDoor(configuration)
    let stop = StopRequest()
    let signals: Thread.Handle
    do throws(SystemError) {
      signals = try Signals.deliver { signal in
        if signal == .hangup {
          reloadCertificates(door, logger)
          return true
        }
        logger.info("stopping", LogField("signal", "\(signal)"))
        stop.request()
        return false
      }
    } catch {
      throw StartError(message: "\(error)", code: .cannotStart)
    }

    // The ports come first: a node that cannot listen must not count a start.
    var ports = try Ports.open(configuration)
    do throws(StorageError) {
      let key = try readKey(file: configuration.encryptionKeyFile, embedded: embeddedKey)
      let storage = try Storage.open(
        configuration.dataDirectory, keyEncryptionKey: key
      ) { () throws(StorageError) in
        try findCluster(configuration, ports, descriptors, stop, door, logger)
      }
      try serve(
        configuration, storage, &ports, descriptors: descriptors, logger: logger,
        started: started, stop: stop, door: door)
    } catch {
      // Told to stop before there was anything to stop.
      guard error.code == .success else {
        throw StartError(message: error.message, code: error.code)
      }
    }
    _ = consume signals
    logger.info("stopped")
    guard stop.exitCode == .success else {
      throw StartError(message: "stopped: the log says why", code: stop.exitCode)
    }
  }

  /// The cluster to join, asked for until it is found; nil where the node is to begin its own.
  private static func findCluster(
    _ configuration: Configuration, _ ports: borrowing Ports, _ descriptors: UInt64,
    _ stop: StopRequest, _ door: TLSDoor?, _ logger: Logger
  ) throws(StorageError) -> UInt64? {
    guard !configuration.joinAddresses.isEmpty else { return nil }
    let room = try WaitingRoom(
      configuration, ports.listeners, descriptors: descriptors, door: door, logger: logger)
    logger.info(
      "waiting for the cluster", LogField("version", version),
      LogField("address", ports.boundAddress))
    var found: UInt64?
    do throws(SystemError) {
      var search = try ClusterSearch(
        seeds: configuration.seeds, secrets: configuration.provenSecrets, door: door,
        stop: stop, logger: logger)
      found = search.run()
    } catch {
      room.close()
      throw StorageError(message: "\(error)", code: .cannotStart)
    }
    room.close()
    guard let found else { throw StorageError(message: "", code: .success) }
    return found
  }

  // MARK: Parts of the start

  /// In https mode, what seals connections.
  private static func openDoor(_ configuration: Configuration) throws(StartError) -> TLSDoor? {
    guard configuration.mode == .https else { return nil }
    do throws(TLSContextError) {
      return try TLSDoor(
        folder: configuration.certificateDirectory,
        requiresClientCertificate: configuration.clientCertificate == .required)
    } catch {
      throw StartError(
        message:
          "DYNA_MODE=https: \(error); cert.sh makes certificates, DYNA_CERT_DIR says where they are",
        code: .cannotStart)
    }
  }

  /// Says what can be started with, and is unwise. Only of a node that does start: one that does not
  /// has one line to say.
  private static func warn(
    _ configuration: Configuration, _ storage: borrowing Storage, _ logger: Logger
  ) {
    for name in configuration.unknownSettings {
      logger.warn("a variable looks like a setting and is none", LogField("name", name))
    }
    if configuration.tokenSecret.count < secretBytesMin {
      logger.warn(
        "JWT_SECRET is shorter than 16 bytes: who has one token can try out secrets until one fits, and then be any user, the admin too"
      )
    }
    if configuration.clusterSecrets.contains(where: { $0.count < secretBytesMin }) {
      logger.warn(
        "CLUSTER_SECRET is shorter than 16 bytes: who sees one message between nodes can try out secrets until one fits, and then be a node"
      )
    }
    if let path = configuration.encryptionKeyFile, Machine.isOpenToAll(path) {
      logger.warn(
        "every user of this machine can read the encryption key: take the right away with chmod 600",
        LogField("file", path))
    }
    let serverKey = configuration.certificateDirectory + "/server.key"
    if configuration.mode == .https, Machine.isOpenToAll(serverKey) {
      logger.warn(
        "every user of this machine can read the key of the certificate: take the right away with chmod 600",
        LogField("file", serverKey))
    }
    switch storage.access {
    case .closed: break
    case .tightened:
      logger.info(
        "the data directory was open to others, and is closed now",
        LogField("data", storage.directory))
    case .open(let mode):
      logger.warn(
        "the data directory is open to others and belongs to another user: close it with chmod 700",
        LogField("data", storage.directory), LogField("mode", String(mode, radix: 8)))
    }
  }

  private static let secretBytesMin = 16

  /// The key-encryption key: of the file, else the embedded one.
  ///
  /// - Parameter name: what an error calls the file's setting.
  static func readKey(
    file: String?, embedded: [UInt8]?, name: String = "DYNA_ENCRYPTION_KEY_FILE"
  ) throws(StorageError) -> Secret {
    guard let path = file else {
      if var embedded { return Secret(taking: &embedded) }
      throw StorageError(
        message:
          """
          this binary has no encryption key: set DYNA_ENCRYPTION_KEY_FILE to a file of 32 random \
          bytes, or run encryption.sh and build again
          """,
        code: .cannotStart)
    }
    do throws(FileError) {
      var key = try Machine.readWholeFile(path, limit: 4_096)
      if key.count == keyBytes { return Secret(taking: &key) }
      SecretBytes.wipe(&key)
    } catch {
      throw StorageError(message: "\(name): \(error)", code: .cannotStart)
    }
    throw StorageError(
      message:
        "\(name): \(path) is not a key of \(keyBytes) bytes, as encryption.sh makes one",
      code: .cannotStart)
  }

  private static func serve(
    _ configuration: Configuration, _ storage: borrowing Storage, _ ports: inout Ports,
    descriptors: UInt64, logger: Logger, started: Instant, stop: StopRequest, door: TLSDoor?
  ) throws(StorageError) {
    let identity = storage.identity
    let gates = try LoopGate.make(ports.listeners.count)
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
    let endpoint = try advertised(configuration, port: ports.port)
    let cluster =
      configuration.clusterSecrets.isEmpty ? nil : try ClusterGate.make(identity, endpoint)
    let passwords = PasswordQueue()
    let node = NodeContext(
      configuration: configuration, database: database, gates: gates, passwords: passwords,
      logger: logger,
      description: NodeDescription(
        address: Array(endpoint.text.utf8),
        nodeID: String(decoding: nodeID.copied(), as: UTF8.self),
        boot: identity.boot, started: started),
      descriptors: descriptors, cluster: cluster, door: door)
    if let cluster { database.log.handOn(to: cluster) }

    let checkpointer = Checkpointer(
      database: database, keyring: storage.keyring, store: checkpoint)
    let threads = try startThreads(
      node, storage, recovered, checkpointer, position: report.checkpointPosition, snapshots,
      &ports, stop)
    node.door?.report("certificate", to: logger)
    warn(configuration, storage, logger)
    logger.info(
      "listening", LogField("version", version), LogField("address", ports.boundAddress),
      LogField("mode", configuration.mode.rawValue),
      LogField("advertised", endpoint.text), LogField("node", node.description.nodeID),
      LogField("data", storage.directory),
      LogField("durability", configuration.durability.rawValue),
      LogField("loops", "\(gates.count)"), LogField("records", "\(report.records)"),
      LogField("log_entries", "\(report.logEntries)"), LogField("load_ms", "\(report.milliseconds)")
    )
    Machine.releaseStartupCode()
    threads.wait(node, stop)
  }

  private static func advertised(
    _ configuration: Configuration, port: UInt16
  ) throws(StorageError) -> Endpoint {
    do throws(AdvertisedAddress.Unknown) {
      return try AdvertisedAddress.find(
        configured: configuration.advertise, boundHost: configuration.host, boundPort: port,
        seeds: configuration.seeds)
    } catch {
      throw StorageError(message: error.message, code: .cannotStart)
    }
  }

  private static func startThreads(
    _ node: NodeContext, _ storage: borrowing Storage, _ recovered: RecoveryReport,
    _ checkpointer: consuming Checkpointer, position: UInt64, _ snapshots: Snapshots,
    _ ports: inout Ports, _ stop: StopRequest
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
        keys: KeyRotation(
          disk: storage.disk, snapshotDisk: snapshots.disk, keyring: storage.keyring,
          keyEncryptionKey: storage.keyEncryptionKey),
        snapshotMinutes: configuration.snapshotMinutes, logger: node.logger))
    let passwords = Handover(
      PasswordThread(
        queue: node.passwords, database: node.database, gates: node.gates,
        adminPassword: configuration.adminPassword, cluster: node.cluster))
    let cluster = try makeCluster(node, storage, ports.takeGossip(), stop)
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
      if let cluster { try threads.start(cluster) }
      for index in 0..<node.gates.count {
        let loop = Handover(
          try DataLoop(node: node, index: index, listener: ports.listeners.remove(index)))
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

  /// What the cluster loop begins with; nil where the node runs alone.
  private static func makeCluster(
    _ node: NodeContext, _ storage: borrowing Storage, _ gossip: consuming DatagramSocket?,
    _ stop: StopRequest
  ) throws(StorageError) -> ClusterThreads? {
    guard let gate = node.cluster, let socket = gossip else { return nil }
    do {
      let resolver = Resolver(wakeup: gate.wakeup)
      let start = ClusterStart(
        gate: gate, database: node.database, gates: node.gates, disk: storage.disk,
        logger: node.logger,
        identity: LinkIdentity(
          secrets: node.configuration.provenSecrets, cluster: storage.identity.cluster,
          own: gate.own, door: node.door),
        settings: node.configuration.clusterSettings, seeds: node.configuration.seeds,
        savedMembers: try AtomicFile.read(storage.disk, ClusterLoop.membersFile), socket: socket,
        resolver: resolver, stop: stop)
      return ClusterThreads(loop: Handover(try ClusterLoop(start)), resolver: resolver)
    } catch {
      throw StorageError(message: "\(error)", code: .cannotStart)
    }
  }

  /// New connections get the new certificates; those that are open stay as they are.
  private static func reloadCertificates(_ door: TLSDoor?, _ logger: Logger) {
    guard let door else { return }
    do throws(TLSContextError) {
      try door.reload()
      door.report("certificates read anew", to: logger)
    } catch {
      logger.error("the certificates stay as they were", LogField("reason", "\(error)"))
    }
  }
}
