import Foundation

/// A TLS client that another program is: `openssl s_client` between a plain connection, which a
/// test uses like any other, and the node.
final class Tunnel: @unchecked Sendable {
  /// What is sent here the node receives, and what the node sends comes out here.
  let connection: RawConnection
  private let process: Process
  private let errors = Pipe()

  /// - Parameter options: of `openssl s_client`, beside those that name the node and its authority.
  init(to port: UInt16, trusting authority: String, _ options: [String] = []) throws {
    var ends: [Int32] = [-1, -1]
    let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw Trouble("socketpair: \(errno)") }
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    connection = RawConnection(descriptor: ends[0])
    let far = FileHandle(fileDescriptor: ends[1], closeOnDealloc: false)
    process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      ["openssl", "s_client", "-quiet", "-no_ign_eof", "-nocommands", "-verify_return_error"]
      + ["-connect", "127.0.0.1:\(port)", "-servername", "localhost", "-CAfile", authority]
      + options
    process.standardInput = far
    process.standardOutput = far
    process.standardError = errors
    try process.run()
    Glibc.close(ends[1])
  }

  /// A connection whose tunnel lasts as long as it does.
  static func connection(to port: UInt16, trusting authority: String) throws -> RawConnection {
    let tunnel = try Tunnel(to: port, trusting: authority)
    // The tunnel keeps its own end; what is handed out keeps the tunnel.
    let far = tunnel.connection
    let near = RawConnection(descriptor: try far.duplicate())
    near.companion = tunnel
    return near
  }

  deinit {
    connection.close()
    // Without its input it ends; one that does not is told to, by its number.
    if process.isRunning { process.terminate() }
  }

  /// What it has to say, once the node has ended the connection.
  func complaint() throws -> String {
    _ = try connection.readToEnd()
    connection.close()
    let text = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: text, as: UTF8.self)
  }
}

/// A program that is run to its end, with nothing or some text on its standard input.
enum Tool {
  /// Its exit code, and all that it wrote.
  static func run(
    _ words: [String], input: String = "", environment: [String: String] = [:]
  ) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    let (inputs, outputs) = (Pipe(), Pipe())
    process.standardInput = inputs
    process.standardOutput = outputs
    process.standardError = outputs
    try process.run()
    if !input.isEmpty { try? inputs.fileHandleForWriting.write(contentsOf: Data(input.utf8)) }
    try? inputs.fileHandleForWriting.close()
    let text = outputs.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: text, as: UTF8.self))
  }
}
