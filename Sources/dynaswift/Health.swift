import HTTP
import Platform
import Server

/// `dynaswift health [ADDRESS] [--ready]`: exit code 0 where the node answers its heartbeat; with
/// `--ready`, where clients may be sent to it.
enum Health {
  private static let ready = "--ready"
  /// Less than the 3 s after which a container's health check gives up.
  private static let timeoutMilliseconds: UInt64 = 2_000

  static func run(_ words: [String]) -> Never {
    let addresses = words.filter { $0 != ready }
    let asksWhetherReady = addresses.count < words.count
    guard addresses.count <= 1,
      let node = RunningNode(addresses.first ?? RunningNode.defaultAddress)
    else { Console.fail("usage: dynaswift health [[https://]host:port] [\(ready)]") }
    do throws(HTTPClientFailure) {
      let status = try node.ask(
        .get, asksWhetherReady ? "/readyz" : "/heartbeat",
        timeoutMilliseconds: timeoutMilliseconds
      ).status
      if asksWhetherReady, status == 503 { Console.fail("\(node.address) is not ready") }
      guard status == 200 else { Console.fail("\(node.address) answered with status \(status)") }
    } catch {
      Console.fail("\(node.address): \(error)")
    }
    Console.say("\(node.address) is \(asksWhetherReady ? "ready" : "well")")
    Machine.exit(.success)
  }
}
