import Foundation
import Testing

/// Random histories against a model of the contract, with restarts and crashes between.
@Suite("Histories from seeds", .blocking)
struct ModelTests {
  /// `E2E_SEEDS=100` runs as many histories.
  private static let seeds = ClosedRange(
    uncheckedBounds: (
      1, UInt64(ProcessInfo.processInfo.environment["E2E_SEEDS"] ?? "") ?? 6
    ))
  private static let users = ["alice", "bob", "carol"]
  private static let keys = ["a", "b", "c%2Fd", "%C3%A9", "e"]

  private func value(_ random: inout SeededRandom) -> ByteText {
    let scalars: [ByteText] = ["1.0", "-0", "1e400", "null", "\"\\u0041\"", "[1, 2]", "\"\u{e9}\""]
    switch Int.random(in: 0..<3, using: &random) {
    case 0: return scalars.randomElement(using: &random)!
    case 1: return "{}"
    default:
      let names = ["x", "y", "z", "\u{e9}", ""].shuffled(using: &random)
      let members = names.prefix(Int.random(in: 1...5, using: &random)).map {
        "\"\(ByteText($0))\":" + scalars.randomElement(using: &random)!
      }
      return "{" + members.dropFirst().reduce(members[0]) { $0 + "," + $1 } + "}"
    }
  }

  @Test("every answer and every event is the model's", arguments: seeds)
  func history(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let node = try Node(["DYNA_DURABILITY": seed % 2 == 0 ? "os" : "sync"])
    var model = Model()
    var clients = Self.users.map { Client(node, as: $0) }
    var streams = try Self.keys.map { try EventStream(node, "/t/subscribe/\($0)") }
    for step in 0..<400 {
      let index = Int.random(in: 0..<Self.keys.count, using: &random)
      let user = Int.random(in: 0..<Self.users.count, using: &random)
      let (client, key) = (clients[user], Self.keys[index])
      let change: Model.Change
      let response: Response
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<4:
        let value = value(&random)
        change = .put(value)
        response = try client.put("t", key, "{\"value\":\(value)}")
      case 4..<7:
        var patch = value(&random)
        if patch.bytes.first != UInt8(ascii: "{") { patch = "{\"p\":\(patch)}" }
        change = .patch(patch)
        response = try client.patch("t", key, patch)
      default:
        change = .delete
        response = try client.delete("t", key)
      }
      let revived = model.entries[key] == nil && model.last[key] != nil
      let expected = try model.apply(change, to: key, by: Self.users[user])
      let place: Comment = "seed \(seed), step \(step), \(key): \(change)"
      try #require(response.status == expected, place)
      if expected < 300 {
        let event = try streams[index].event()
        if let entry = model.entries[key] {
          let record = try response.record()
          if revived {
            #expect(record.version > model.last[key]!, place)
            model.settle(key, version: record.version)
          } else {
            #expect(record.version == entry.version, place)
          }
          #expect(Model.same(record.value, entry.value), place)
          #expect(record.owner == ByteText(entry.owner), place)
          #expect(try event.record() == record, place)
        } else {
          #expect(event.isDeleted, place)
        }
      }
      if step % 80 == 79 {
        if Bool.random(using: &random) { try node.kill() } else { try node.stop() }
        try node.start()
        clients = Self.users.map { Client(node, as: $0) }
        streams = try Self.keys.map { try EventStream(node, "/t/subscribe/\($0)") }
        try compare(model, clients[0], place)
      }
    }
    try compare(model, clients[0], "seed \(seed), at the end")
    try node.stop()
  }

  private func compare(_ model: Model, _ client: Client, _ place: Comment) throws {
    for key in Self.keys {
      let response = try client.get("t", key)
      guard let entry = model.entries[key] else {
        #expect(response.status == 404, place)
        continue
      }
      let record = try response.record()
      #expect(Model.same(record.value, entry.value), place)
      #expect(record.version == entry.version && record.owner == ByteText(entry.owner), place)
    }
    let listed = try client.send("GET", "/t/keys")
    if listed.status == 200 {
      #expect(try JSONText.elements(of: listed.body).count == model.entries.count, place)
    } else {
      #expect(model.entries.isEmpty, place)
    }
  }

  @Test("JSON is accepted exactly where a second reader accepts it", arguments: seeds)
  func mutatedJSON(seed: UInt64) throws {
    var random = SeededRandom(seed: seed)
    let node = try Node(["DYNA_DURABILITY": "os"])
    let client = Client(node, as: "alice")
    let link = try RawConnection(port: node.port)
    let parts: [ByteText] = [
      "{", "}", "[", "]", ",", ":", "\"", "\\", "\"a\"", "1", "-", "0", ".5", "e9", "true", "null",
      " ", "\n", "\\u00e9", "\\ud83d", "\\ude00", "\u{e9}", "\u{1F600}", ByteText([0xc3]),
      ByteText([0xed, 0xa0, 0x80]), "\u{0}", "\u{b}", "\u{feff}", "false", "E+1", "{\"a\":1}", "[]",
    ]
    let seeds: [ByteText] = [
      #"{"a":[1,-2.5e+3,"\u0041\ud83d\ude00",null],"b":{"c":true,"":[]}}"#, #"{"value":"x"}"#,
      #"{"value":{"a":[[],{}]},"b":0}"#, "{ \"\u{e9}\" : \"\u{1F600}\\n\" }",
    ]
    var accepted = 0
    for round in 0..<30 {
      var texts: [ByteText] = []
      for _ in 0..<50 {
        var bytes = seeds.randomElement(using: &random)!.bytes
        for _ in 0..<Int.random(in: 0...3, using: &random) {
          let at = Int.random(in: 0...bytes.count, using: &random)
          switch Int.random(in: 0..<4, using: &random) {
          case 0: bytes.insert(contentsOf: parts.randomElement(using: &random)!.bytes, at: at)
          case 1 where at < bytes.count: bytes.remove(at: at)
          case 2 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &random)
          default: bytes.replaceSubrange(at..., with: bytes[..<at].suffix(5))
          }
        }
        texts.append(ByteText(bytes))
      }
      let requests = texts.map { client.request("PUT", "/t/key/r\(round)", $0).bytes }
      try link.send(ByteText(requests.joined()))
      for text in texts {
        let response = try link.readResponse(to: "PUT")
        let members = try? JSONText.members(of: text)
        #expect(response.status == (members == nil ? 400 : 201), "seed \(seed): \(text)")
        if response.status == 201, let members {
          accepted += 1
          let names = Set(members.map(\.name))
          let value = names == ["value"] ? members.last!.raw : Self.trim(text)
          #expect(try response.record().value == value, "seed \(seed): \(text)")
        }
      }
    }
    #expect(accepted > 100)
    try node.stop()
  }

  private static func trim(_ text: ByteText) -> ByteText {
    let space: Set<UInt8> = [9, 10, 13, 32]
    let head = text.bytes.drop { space.contains($0) }
    return ByteText(head.reversed().drop { space.contains($0) }.reversed())
  }
}
