import Foundation

/// A running node of the real binary, with a data directory and an encryption key of its own.
final class Node: @unchecked Sendable {
  static let jwtSecret = "a-secret-that-only-these-tests-know"

  /// Holds `data/` and `key`; the node's working directory too.
  let directory: TemporaryDirectory
  private let environment: [String: String]
  private let arguments: [String]
  /// Host of the address that it listens on.
  private let host: String
  /// How a client gets to it.
  private let way: Way
  /// A command in front of the binary for the next start; it must become the binary (`exec`).
  var launcher: [String]
  private(set) var process: ChildProcess
  private(set) var port: UInt16

  /// Starts a node and waits until its start-up line tells the address.
  ///
  /// - Parameters:
  ///   - environment: replaces or joins the usual variables; an empty value takes one away.
  ///   - arguments: behind `127.0.0.1:0`.
  ///   - launcher: a command in front of the binary, which must become it (`exec`).
  ///   - listen: where it listens first.
  ///   - way: how a client gets there.
  init(
    _ environment: [String: String] = [:], arguments: [String] = [], launcher: [String] = [],
    in directory: TemporaryDirectory? = nil, listen: String = "127.0.0.1:0", way: Way = .direct
  ) throws {
    host = String(listen[..<listen.lastIndex(of: ":")!])
    self.way = way
    self.directory = try directory ?? TemporaryDirectory()
    self.environment = try Self.environment(environment, self.directory)
    self.arguments = arguments
    self.launcher = launcher
    (process, port) = try Self.launch(
      launcher, [listen] + arguments, self.environment, self.directory)
  }

  /// The variables of a node whose data live in `directory`.
  static func environment(
    _ changes: [String: String], _ directory: TemporaryDirectory
  ) throws -> [String: String] {
    let keyFile = "\(directory.path)/key"
    if !FileManager.default.fileExists(atPath: keyFile) {
      var random = SystemRandomNumberGenerator()
      try directory.write("key", (0..<32).map { _ in UInt8.random(in: 0...255, using: &random) })
      chmod(keyFile, 0o600)
    }
    var all = [
      "JWT_SECRET": jwtSecret, "DYNA_DATA_DIR": "\(directory.path)/data",
      "DYNA_ENCRYPTION_KEY_FILE": keyFile,
    ]
    for (name, value) in changes { all[name] = value.isEmpty ? nil : value }
    return all
  }

  /// Starts the binary with exactly these arguments and this environment.
  static func process(
    _ arguments: [String], _ environment: [String: String], in directory: TemporaryDirectory,
    launcher: [String] = []
  ) throws -> ChildProcess {
    let command = try launcher + [binary.get()] + arguments
    return try ChildProcess(
      command[0], Array(command[1...]), environment: environment, workingDirectory: directory.path)
  }

  static func launch(
    _ launcher: [String], _ arguments: [String], _ environment: [String: String],
    _ directory: TemporaryDirectory
  ) throws -> (ChildProcess, UInt16) {
    let process = try process(arguments, environment, in: directory, launcher: launcher)
    return (process, try address(of: process))
  }

  /// Waits until the process says where it listens.
  private static func address(of process: ChildProcess) throws -> UInt16 {
    let port = try process.waitForErrorOutput(.in(seconds: 60), address)
    return port
  }

  /// The port of the `address` field in the start-up line. Lines of the cluster may come before it, with
  /// the addresses of others.
  static func address(in log: String) -> UInt16? {
    guard let match = log.firstMatch(of: #/\bversion=\S+ address="?\S*:(\d+)"?\s/#) else {
      return nil
    }
    return UInt16(match.1)
  }

  // MARK: Its life

  var data: String { environment["DYNA_DATA_DIR"] ?? "\(directory.path)/data" }
  var log: String { process.errorOutput }

  func signal(_ number: Int32) { process.signal(number) }

  /// Asks the node to stop and returns its exit code.
  @discardableResult
  func stop(_ deadline: Deadline = .patient) throws -> Int32 {
    signal(SIGTERM)
    return try process.waitForExit(deadline)
  }

  /// Ends the node as a power cut would end it for its files: at once.
  func kill() throws {
    signal(SIGKILL)
    _ = try process.waitForExit()
  }

  /// Starts the node again on the same directory, after `stop` or `kill`.
  ///
  /// - Parameter samePort: whether it listens where it listened last.
  func start(samePort: Bool = false) throws {
    guard process.exitStatus != nil else { throw Trouble("the node still runs") }
    process = try Self.process(
      ["\(host):\(samePort ? port : 0)"] + arguments, environment, in: directory,
      launcher: launcher)
    port = try Self.address(of: process)
  }

  func restart() throws {
    try stop()
    try start()
  }

  /// Starts the binary where it is expected to refuse; waits for its end.
  func startAndFail(_ changes: [String: String] = [:]) throws -> ChildProcess {
    let all = environment.merging(changes) { $1 }
    let process = try Self.process(["127.0.0.1:0"] + arguments, all, in: directory)
    _ = try process.waitForExit()
    return process
  }

  // MARK: The way to it

  enum Way: Sendable {
    /// Over the loopback interface.
    case direct
    /// Over the loopback interface of a network of its own.
    case inside(NetworkNamespace)
    /// Over TLS, which another program speaks.
    case sealed(authority: String)
  }

  /// A connection to it, as `RawConnection.init` makes one.
  func connect(
    source: String? = nil, receiveBufferBytes: Int32? = nil
  ) throws -> RawConnection {
    switch way {
    case .direct:
      try RawConnection(port: port, source: source, receiveBufferBytes: receiveBufferBytes)
    case .inside(let namespace):
      try namespace.inside {
        try RawConnection(port: port, source: source, receiveBufferBytes: receiveBufferBytes)
      }
    case .sealed(let authority):
      try Tunnel.connection(to: port, trusting: authority)
    }
  }

  // MARK: The binary

  /// Path of the executable under test: `DYNASWIFT_BINARY`, else what the package has built.
  static let binary = Result { () throws -> String in
    if let path = ProcessInfo.processInfo.environment["DYNASWIFT_BINARY"], !path.isEmpty {
      return path
    }
    var root = URL(fileURLWithPath: #filePath)
    for _ in 0..<4 { root.deleteLastPathComponent() }
    for build in ["release", "debug"] {
      let path = root.appendingPathComponent(".build/\(build)/dynaswift").path
      if FileManager.default.isExecutableFile(atPath: path) { return path }
    }
    throw Trouble("no dynaswift below \(root.path)/.build: build it, or set DYNASWIFT_BINARY")
  }
}

extension Node {
  /// Whether the binary was built with a sanitizer, which has a memory of its own.
  static let isSanitized: Bool = {
    guard let path = try? binary.get(),
      let bytes = try? Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
    else { return false }
    return bytes.range(of: Data("__asan_init".utf8)) != nil
      || bytes.range(of: Data("__tsan_init".utf8)) != nil
  }()
}

extension Node {
  /// By how much the times that a test allows are longer for a binary with a sanitizer.
  static let slowness: Double = isSanitized ? 10 : 1
}

/// A node shared by the tests of a suite, started by the first of them.
final class SharedNode: Sendable {
  private let node: @Sendable () throws -> Node

  init(_ environment: [String: String] = [:]) {
    let started = Once { try Node(environment) }
    node = { try started.value.get() }
  }

  func callAsFunction() throws -> Node { try node() }
}

final class Once<Value: Sendable>: @unchecked Sendable {
  private let lock = NSLock()
  private let make: () throws -> Value
  private var made: Result<Value, any Error>?

  init(_ make: @escaping () throws -> Value) { self.make = make }

  var value: Result<Value, any Error> {
    lock.withLock {
      if let made { return made }
      let result = Result(catching: make)
      made = result
      return result
    }
  }
}
