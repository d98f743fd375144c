import Bytes
import HTTP
import Platform
import Server

/// `dynaswift health [ADDRESS]`: exit code 0 where the node answers its heartbeat.
enum Health {
  private static let timeoutMilliseconds: Int32 = 2_000

  static func run(_ words: [String]) -> Never {
    var address = words.first ?? "127.0.0.1:6660"
    for scheme in ["http://"] where address.hasPrefix(scheme) {
      address.removeFirst(scheme.count)
    }
    guard words.count <= 1, let (host, port) = Configuration.splitAddress(address) else {
      Console.fail("usage: dynaswift health [host:port]")
    }
    do throws(SocketError) {
      let socket = try Socket.connect(
        host: host, port: port, timeoutMilliseconds: timeoutMilliseconds)
      Socket.setTimeouts(socket.raw, milliseconds: timeoutMilliseconds)
      guard let status = ask(socket.raw, host: address) else {
        Console.fail("\(address) did not answer")
      }
      guard status == 200 else { Console.fail("\(address) answered with status \(status)") }
    } catch {
      Console.fail("\(address): \(error)")
    }
    Console.say("\(address) is well")
    Machine.exit(.success)
  }

  /// Sends one request; the status of its answer, nil where none came.
  private static func ask(_ socket: Int32, host: String) -> UInt16? {
    var request = ByteBuffer()
    request.append("GET /heartbeat HTTP/1.1\r\nHost: ")
    request.append(host)
    request.append("\r\nConnection: close\r\n\r\n")
    guard case .bytes(request.count) = Socket.write(socket, request.span) else { return nil }
    var parser = ResponseParser()
    var answer = ByteBuffer()
    var response = Response()
    while case .bytes = Socket.read(socket, into: &answer, minimum: 4_096) {
      switch parser.parse(answer.span, limits: HTTPLimits(), into: &response) {
      case .complete: return response.status
      case .refused: return nil
      case .incomplete: continue
      }
    }
    return nil
  }
}
