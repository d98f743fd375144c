import HTTP
import Platform
import Server

/// `dynaswift health [ADDRESS]`: exit code 0 where the node answers its heartbeat.
enum Health {
  /// Less than the 3 s after which a container's health check gives up.
  private static let timeoutMilliseconds: UInt64 = 2_000

  static func run(_ words: [String]) -> Never {
    guard words.count <= 1, let node = RunningNode(words.first ?? RunningNode.defaultAddress)
    else { Console.fail("usage: dynaswift health [[https://]host:port]") }
    do throws(HTTPClientFailure) {
      let status = try node.ask(
        .get, "/heartbeat", timeoutMilliseconds: timeoutMilliseconds
      ).status
      guard status == 200 else { Console.fail("\(node.address) answered with status \(status)") }
    } catch {
      Console.fail("\(node.address): \(error)")
    }
    Console.say("\(node.address) is well")
    Machine.exit(.success)
  }
}
