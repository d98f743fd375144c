import Bytes
import HTTP
import Platform
import Server

/// `dynaswift health [ADDRESS]`: exit code 0 where the node answers its heartbeat.
///
/// Speaks TLS to `https://…`, and to an address without a scheme where DYNA_MODE says so. Then the
/// node's certificate must be of the authority in DYNA_CERT_DIR and name the address.
enum Health {
  /// Less than the 3 s after which a container's health check gives up.
  private static let timeoutMilliseconds: UInt64 = 2_000

  static func run(_ words: [String]) -> Never {
    let settings = Settings()
    var address = words.first ?? "127.0.0.1:6660"
    var isSecure = settings.text("DYNA_MODE") == "https"
    for (scheme, secure) in [("http://", false), ("https://", true)]
    where address.hasPrefix(scheme) {
      address.removeFirst(scheme.count)
      isSecure = secure
    }
    if address.hasSuffix("/") { address.removeLast() }
    guard words.count <= 1, let (host, port) = Configuration.splitAddress(address) else {
      Console.fail("usage: dynaswift health [[https://]host:port]")
    }
    let tls = isSecure ? settings.context() : nil
    do throws(HTTPClientFailure) {
      let status = try ask(host, port, tls)
      guard status == 200 else { Console.fail("\(address) answered with status \(status)") }
    } catch {
      Console.fail("\(address): \(error)")
    }
    Console.say("\(address) is well")
    Machine.exit(.success)
  }

  private static func ask(
    _ host: String, _ port: UInt16, _ tls: TLSContext?
  ) throws(HTTPClientFailure) -> UInt16 {
    let target: StaticString = "/heartbeat"
    let nothing: StaticString = ""
    var limits = HTTPClientLimits()
    limits.connectMilliseconds = timeoutMilliseconds
    limits.handshakeMilliseconds = timeoutMilliseconds
    var client: HTTPClient
    do throws(SystemError) {
      client = try HTTPClient(tls: tls, limits: limits)
    } catch {
      throw .unreachable(error)
    }
    let deadline = SystemClock.monotonic().advanced(byMilliseconds: timeoutMilliseconds)
    return try client.send(
      .get, target.bytes, fields: nothing.bytes, body: nothing.bytes, to: host, port: port,
      deadline: deadline
    ).status
  }

  /// The settings of the node that is asked, which are this process's own.
  private struct Settings {
    private let file = Serve.environmentFile()

    func text(_ name: String) -> String? {
      for value in [Machine.environment(name), file[name]] {
        if let value, !value.isEmpty { return value }
      }
      return nil
    }

    func context() -> TLSContext {
      let folder = text("DYNA_CERT_DIR") ?? "cert"
      // A node that demands certificates of its clients is shown the one that nodes show each other.
      let showsCertificate = text("DYNA_CLIENT_CERT") == "required"
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
}
