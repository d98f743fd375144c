import Bytes
import HTTP
import JSON
import Platform
import Server

/// `dynaswift members list|remove`: who belongs to a cluster, asked of any of its nodes with the
/// cluster's secret.
enum Members {
  /// Longer than a node waits for a busy disk before it has made a list of members durable.
  private static let timeoutMilliseconds: UInt64 = 10_000
  private static let usage = """
    usage: dynaswift members list [[https://]HOST:PORT] | remove <MEMBER> [[https://]HOST:PORT] \
    [--force]
    """

  static func run(_ words: [String], secrets: [String: [UInt8]]) -> Never {
    let isForced = words.contains("--force")
    let words = words.filter { $0 != "--force" }
    switch (words.first, words.count) {
    case ("list", 1...2) where !isForced:
      list(node(words.dropFirst().first), secret(secrets))
    case ("remove", 2...3):
      remove(words[1], isForced: isForced, node(words.dropFirst(2).first), secret(secrets))
    default: Console.fail(usage)
    }
  }

  private static func node(_ address: String?) -> RunningNode {
    guard let node = RunningNode(address ?? RunningNode.defaultAddress) else {
      Console.fail(usage)
    }
    return node
  }

  /// The line of a request that proves who asks: with the first of several secrets.
  private static func secret(_ secrets: [String: [UInt8]]) -> [UInt8] {
    let text =
      secrets["CLUSTER_SECRET"] ?? Array((CommandSettings().text("CLUSTER_SECRET") ?? "").utf8)
    let secret = Configuration.clusterSecrets(text).first ?? []
    guard !secret.isEmpty else {
      Console.fail("CLUSTER_SECRET is not set: only who has it may ask for the members")
    }
    guard secret.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
      Console.fail("CLUSTER_SECRET has characters that no header may have: use the admin's token")
    }
    return Array("x-api-key: ".utf8) + secret + Array("\r\n".utf8)
  }

  private static func ask(
    _ node: RunningNode, _ method: Method, _ target: String, _ secret: [UInt8]
  ) -> HTTPAnswer {
    do throws(HTTPClientFailure) {
      return try node.ask(
        method, target, fields: secret, timeoutMilliseconds: timeoutMilliseconds)
    } catch {
      Console.fail("\(node.address): \(error)")
    }
  }

  /// Says what a node has against the request, and ends the process.
  private static func fail(_ node: RunningNode, _ answer: HTTPAnswer) -> Never {
    guard let reason = Document(answer.body)?.text("error") else {
      Console.fail("\(node.address) answered with status \(answer.status)")
    }
    Console.fail("\(node.address): \(reason)")
  }

  // MARK: list

  private static func list(_ node: RunningNode, _ secret: [UInt8]) -> Never {
    let answer = ask(node, .get, "/admin/members", secret)
    guard answer.status == 200, let document = Document(answer.body) else { fail(node, answer) }
    var rows = [["NODE", "ADDRESS", "STATUS", "LAG", "TOMBSTONES KEPT FOR IT", "LAST HEARD"]]
    let now = document.number("timestamp") ?? 0
    for member in document.elements("members") {
      let isOwn = member.isTrue("self")
      rows.append([
        member.text("node") ?? "", member.text("address") ?? "", member.text("status") ?? "",
        isOwn ? "–" : member.number("lag").map { "\($0)" } ?? "–",
        isOwn ? "–" : "\(member.number("tombstones_blocked") ?? 0)",
        isOwn ? "(this node)" : ago(member.number("last_heartbeat") ?? 0, now),
      ])
    }
    for member in document.elements("removed") {
      rows.append([
        member.text("node") ?? "", member.text("address") ?? "", "Removed", "–", "–", "–",
      ])
    }
    for line in aligned(rows) { Console.say(line) }
    Machine.exit(.success)
  }

  private static func ago(_ heard: UInt64, _ now: UInt64) -> String {
    if heard == 0 { return "never" }
    return "\(now > heard ? (now - heard) / 1_000 : 0) s ago"
  }

  /// Rows as lines, each column as wide as its widest cell.
  private static func aligned(_ rows: [[String]]) -> [String] {
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        line += cell
        if column < row.count - 1 {
          line += String(repeating: " ", count: widths[column] - cell.count + 2)
        }
      }
      return line
    }
  }

  // MARK: remove

  private static func remove(
    _ member: String, isForced: Bool, _ node: RunningNode, _ secret: [UInt8]
  ) -> Never {
    let target = "/admin/members/\(encoded(member))\(isForced ? "?force=true" : "")"
    let answer = ask(node, .delete, target, secret)
    guard answer.status == 200, let document = Document(answer.body) else { fail(node, answer) }
    Console.say(
      """
      node \(document.text("node") ?? "") at \(document.text("address") ?? "") is removed: the \
      others learn of it, and what was deleted is forgotten within two minutes
      """)
    Machine.exit(.success)
  }

  /// Percent-encoded, but for what a segment of a path may hold.
  private static func encoded(_ text: String) -> String {
    var encoded = ByteBuffer()
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: ":"), UInt8(ascii: "_"):
        encoded.appendUInt8(byte)
      default:
        encoded.append("%")
        Hex.append(UInt64(byte), digits: 2, to: &encoded)
      }
    }
    return String(decoding: encoded.copied(), as: UTF8.self)
  }

  /// A part of an answer.
  private struct Document {
    let body: [UInt8]
    let element: JSONElement

    init?(_ body: [UInt8]) {
      guard let root = try? JSONValidator.check(body.span) else { return nil }
      self.init(body: body, element: root)
    }

    init(body: [UInt8], element: JSONElement) {
      self.body = body
      self.element = element
    }

    private func member(_ name: StaticString) -> JSONElement? {
      JSONReader.member(name, of: element, in: body.span)
    }

    func text(_ name: StaticString) -> String? {
      guard let member = member(name), let bytes = JSONReader.string(member, in: body.span) else {
        return nil
      }
      return String(decoding: bytes, as: UTF8.self)
    }

    func number(_ name: StaticString) -> UInt64? {
      member(name).flatMap { JSONReader.unsigned($0, in: body.span) }
    }

    func isTrue(_ name: StaticString) -> Bool { member(name)?.kind == .true }

    func elements(_ name: StaticString) -> [Document] {
      guard let member = member(name) else { return [] }
      var cursor = JSONCursor(member)
      var found: [Document] = []
      while let element = cursor.nextElement(in: body.span) {
        found.append(Document(body: body, element: element))
      }
      return found
    }
  }
}
