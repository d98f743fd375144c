import Bytes
import HTTP
import Platform
import Server

/// A node that a command asks, at an address of the command line.
///
/// Speaks TLS to `https://…`, and to an address without a scheme where DYNA_MODE says so. Then the
/// node's certificate must be of the authority in DYNA_CERT_DIR and name the address.
struct RunningNode {
  static let defaultAddress = "127.0.0.1:6660"

  /// `host:port`, as it was given.
  let address: String
  private let host: String
  private let port: UInt16
  private let isSecure: Bool
  private let settings = CommandSettings()

  /// Nil where the text is no address.
  init?(_ text: String) {
    var address = text
    var isSecure = settings.text("DYNA_MODE") == "https"
    for (scheme, secure) in [("http://", false), ("https://", true)]
    where address.hasPrefix(scheme) {
      address.removeFirst(scheme.count)
      isSecure = secure
    }
    if address.hasSuffix("/") { address.removeLast() }
    guard let (host, port) = Configuration.splitAddress(address) else { return nil }
    self.address = address
    self.host = host
    self.port = port
    self.isSecure = isSecure
  }

  /// Sends one request and waits for its answer, of any status.
  ///
  /// - Parameter fields: whole lines, each with its line end.
  func ask(
    _ method: Method, _ target: String, fields: [UInt8] = [], timeoutMilliseconds: UInt64
  ) throws(HTTPClientFailure) -> HTTPAnswer {
    let nothing: StaticString = ""
    let path = Array(target.utf8)
    var limits = HTTPClientLimits()
    limits.connectMilliseconds = timeoutMilliseconds
    limits.handshakeMilliseconds = timeoutMilliseconds
    var client: HTTPClient
    do throws(SystemError) {
      client = try HTTPClient(tls: isSecure ? context() : nil, limits: limits)
    } catch {
      throw .unreachable(error)
    }
    let deadline = SystemClock.monotonic().advanced(byMilliseconds: timeoutMilliseconds)
    return try client.send(
      method, path.span, fields: fields.span, body: nothing.bytes, to: host, port: port,
      deadline: deadline)
  }

  private func context() -> TLSContext {
    let folder = settings.text("DYNA_CERT_DIR") ?? "cert"
    // A node that demands certificates of its clients is shown the one that nodes show each other.
    let showsCertificate = settings.text("DYNA_CLIENT_CERT") == "required"
    do throws(TLSContextError) {
      return try TLSContext.client(
        caFile: folder + "/ca.crt",
        certificateFile: showsCertificate ? folder + "/server.crt" : nil,
        keyFile: showsCertificate ? folder + "/server.key" : nil)
    } catch {
      Console.fail("\(error)")
    }
  }
}

/// Settings of the node that is asked, which are this process's own.
struct CommandSettings {
  private let file = Serve.environmentFile()

  func text(_ name: String) -> String? {
    for value in [Machine.environment(name), file[name]] {
      if let value, !value.isEmpty { return value }
    }
    return nil
  }
}
