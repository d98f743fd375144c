// Names are looked up on a thread of their own: getaddrinfo(3) may block for a minute.

/// A name that was looked up.
public struct ResolvedName: Sendable {
  public let host: String
  /// In the order in which to try them; empty where the lookup failed.
  public let addresses: [InternetAddress]
  /// Why there are none.
  public let failure: String?
}

/// Looks names up for an event loop, one after the other.
public final class Resolver: Sendable {
  private struct Line {
    var hosts: [String] = []
    var isClosed = false
  }

  private let line = Locked(Line())
  private let waiter = Waiter()
  private let answers: Mailbox<ResolvedName>

  /// Names that wait at most; who asks for more asks again later.
  private static let waitingMax = 64

  /// - Parameter wakeup: rings the loop that takes the answers.
  public init(wakeup: Wakeup) { answers = Mailbox(wakeup: wakeup) }

  /// Asks for the addresses of a name; asking again while it waits changes nothing.
  public func ask(_ host: String) {
    line.withLock { line in
      guard line.hosts.count < Self.waitingMax, !line.hosts.contains(host) else { return }
      line.hosts.append(host)
    }
    waiter.notify()
  }

  /// Replaces `names` by what was found since the last call.
  public func take(into names: inout [ResolvedName]) { answers.take(into: &names) }

  /// Works until `close`. For a thread of its own.
  public func run() {
    while true {
      let (host, isClosed) = line.withLock { ($0.hosts.first, $0.isClosed) }
      if isClosed { return }
      guard let host else {
        _ = waiter.wait(milliseconds: 60_000)
        continue
      }
      answers.post(Self.lookUp(host))
      line.withLock { $0.hosts.removeAll { $0 == host } }
    }
  }

  public func close() {
    line.withLock { $0.isClosed = true }
    waiter.notify()
  }

  private static func lookUp(_ host: String) -> ResolvedName {
    do throws(SocketError) {
      return ResolvedName(host: host, addresses: try InternetAddress.resolve(host), failure: nil)
    } catch {
      return ResolvedName(host: host, addresses: [], failure: "\(error)")
    }
  }
}
