import Foundation
import Testing

/// Keys at rest that can change: `dynaswift keys` beside a running node, and without one.
@Suite("Key rotation", .blocking)
struct KeyRotationTests {
  typealias Outcome = (status: Int32, output: String, error: String)

  /// Runs the binary for the node's data directory.
  private func run(
    _ words: [String], of node: Node, _ changes: [String: String] = [:]
  ) throws -> Outcome {
    let environment = try Node.environment(
      ["DYNA_DATA_DIR": node.data].merging(changes) { $1 }, node.directory)
    let process = try Node.process(words, environment, in: node.directory)
    defer { process.signal(SIGKILL) }
    let status = try process.waitForExit(.in(seconds: 60))
    return (status, process.output, process.errorOutput)
  }

  @discardableResult
  private func keys(
    _ words: String..., of node: Node, _ changes: [String: String] = [:]
  ) throws -> String {
    let outcome = try run(["keys"] + words, of: node, changes)
    guard outcome.status == 0 else { throw Trouble("keys \(words): \(outcome.error)") }
    return outcome.output
  }

  private func snapshot(_ node: Node) throws -> String {
    let taken = try run(["snapshot", "now"], of: node)
    guard taken.status == 0 else { throw Trouble("snapshot now: \(taken.error)") }
    return taken.output.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// What `keys list` says of one key; nil where it is not in the keyring.
  private struct Listed: Equatable {
    var isCurrent: Bool
    var segments: Int
    var blocks: Int
    var snapshots: Int
  }

  private func listed(
    _ node: Node, _ changes: [String: String] = [:]
  ) throws -> [Int: Listed] {
    var found: [Int: Listed] = [:]
    let output = try keys("list", of: node, changes)
    let line =
      #/key (\d+) +(current|old) +made .* ago +(\d+) log segments, (\d+) blocks, (\d+) snapshots/#
    for match in output.matches(of: line) {
      found[Int(match.1)!] = Listed(
        isCurrent: match.2 == "current", segments: Int(match.3)!, blocks: Int(match.4)!,
        snapshots: Int(match.5)!)
    }
    return found
  }

  private func writeKey(_ node: Node, _ name: String) throws -> String {
    try node.directory.write(name, (0..<32).map { _ in UInt8.random(in: 0...255) })
    chmod("\(node.directory.path)/\(name)", 0o600)
    return "\(node.directory.path)/\(name)"
  }

  private func filled(_ environment: [String: String] = [:]) throws -> (Node, ByteText) {
    let node = try Node(environment)
    let client = Client(node, as: "alice")
    try client.storeAll("t", (0..<500).map { (key: "k\($0)", value: "[\($0),1.0]") })
    #expect(try client.delete("t", "k7").status == 200)
    #expect(try client.login("carol", "secret").status == 200)
    return (node, try client.send("GET", "/t/store").body)
  }

  // MARK: Data keys

  @Test(
    "a new data key takes over log, blocks and snapshots while the node serves; the old one goes")
  func rotate() throws {
    let (node, store) = try filled()
    try node.restart()  // the stop has made a checkpoint of it
    let before = try listed(node)
    #expect(before.count == 1 && before[1]!.blocks > 300)
    #expect(try keys("rotate", of: node).contains("key 2"))
    #expect(
      try eventually {
        let now = try listed(node)
        return now[1] == nil && now[2]?.isCurrent == true && now[2]!.blocks == before[1]!.blocks
      })
    try Client(node, as: "alice").store("u", "k", "1")
    let file = try snapshot(node)
    #expect(try listed(node)[2]?.snapshots == 1)
    #expect(try run(["snapshot", "verify", file], of: node).status == 0)
    try node.kill()
    try node.start()
    #expect(try Client(node).send("GET", "/t/store").body == store)
    #expect(try Client(node).get("u", "k").status == 200)
    #expect(try Client(node).login("carol", "secret").status == 200)
    try node.stop()
  }

  @Test("the log that is being written moves to the new key, in a node that has no checkpoint yet")
  func log() throws {
    let (node, store) = try filled()
    #expect(try listed(node)[1]!.segments > 0)
    try keys("rotate", of: node)
    #expect(
      try eventually {
        let now = try listed(node)
        return now[1] == nil && now[2]!.blocks > 300
      })
    try node.kill()
    try node.start()
    #expect(try Client(node).send("GET", "/t/store").body == store)
    try node.stop()
  }

  @Test("a directory with data of older keys opens, and goes on moving them")
  func olderKeys() throws {
    let (node, store) = try filled()
    try node.stop()
    for _ in 0..<3 { try keys("rotate", of: node) }
    let waiting = try listed(node)
    #expect(waiting[1]!.blocks > 300 && waiting[4]!.isCurrent && waiting[4]!.blocks == 0)
    try node.start()
    #expect(try Client(node).send("GET", "/t/store").body == store)
    #expect(try eventually { try listed(node).keys.sorted() == [4] })
    try node.kill()
    try node.start()
    #expect(try Client(node).send("GET", "/t/store").body == store)
    try node.stop()
  }

  @Test("a key that a snapshot was made with stays as long as the snapshot")
  func heldBySnapshot() throws {
    let (node, _) = try filled()
    let file = try snapshot(node)
    try keys("rotate", of: node)
    #expect(
      try eventually {
        let old = try listed(node)[1]
        return old == Listed(isCurrent: false, segments: 0, blocks: 0, snapshots: 1)
      })
    #expect(try run(["snapshot", "verify", file], of: node).status == 0)
    try node.restart()
    #expect(try listed(node)[1]?.snapshots == 1)
    try FileManager.default.removeItem(atPath: file)
    try node.restart()
    #expect(try eventually { try listed(node).keys.sorted() == [2] })
    try node.stop()
  }

  @Test("writes go on through many rotations, and every one of them survives a kill", .waiting)
  func underWrites() throws {
    let node = try Node()
    let journals = (0..<3).map { Journal(writer: $0, paddingBytes: 20_000) }
    let serving = node
    for round in 0..<3 {
      let writers = journals.map { journal in
        Thread { journal.write(to: serving, changes: 400) }
      }
      let goal = journals.map { $0.progress + 380 }
      for writer in writers { writer.start() }
      for _ in 0..<3 { try keys("rotate", of: node) }
      if round == 1 {
        // In the middle of it all.
        #expect(eventually { journals[0].progress > goal[0] - 300 })
      } else {
        #expect(eventually(within: 60) { zip(journals, goal).allSatisfy { $0.progress >= $1 } })
      }
      try node.kill()
      #expect(eventually { writers.allSatisfy { $0.isFinished } })
      try node.start()
      for journal in journals { try journal.check(Client(node)) }
    }
    #expect(try eventually { try listed(node).keys.sorted() == [10] })
    try node.stop()
  }

  @Test(
    "killed at the n-th call of a rotation, the node opens its directory and has everything",
    .enabled(if: SystemCalls.canBeTampered, Comment(rawValue: SystemCalls.whyNot)),
    arguments: ["pwrite64", "fdatasync", "fsync", "rename,renameat,renameat2", "unlink,unlinkat"])
  func killed(call: String) throws {
    let node = try Node()
    let journal = Journal(writer: 0)
    var killed = 0
    for count in [1, 2, 3, 4, 6, 9] {
      journal.write(to: node, changes: 40)
      let tracer = try SystemCalls.attach("\(call):signal=KILL:when=\(count)", to: node.process)
      let environment = try Node.environment(["DYNA_DATA_DIR": node.data], node.directory)
      let command = try Node.process(["keys", "rotate"], environment, in: node.directory)
      journal.write(to: node, changes: 30)
      // A command that finds the node gone rotates by itself, which is as good.
      #expect(try command.waitForExit() == 0, "\(command.errorOutput)")
      _ = eventually(within: 3) { node.process.exitStatus != nil }
      if node.process.exitStatus == nil { try node.kill() } else { killed += 1 }
      _ = try tracer.waitForExit()
      try node.start()
      try journal.check(Client(node))
    }
    #expect(killed > 0, "it never died: nothing was tested")
    try node.stop()
  }

  // MARK: The key-encryption key

  @Test("wrapped anew beside a running node, the directory opens with the new key file alone")
  func rewrapRunning() throws {
    let (node, store) = try filled()
    let old = try snapshot(node)
    let newKey = try writeKey(node, "new.key")
    // A path in the working directory of the command is understood, too.
    let said = try keys("rewrap", "--new-key-file", "new.key", of: node)
    #expect(said.contains(newKey))
    #expect(try Client(node).send("GET", "/t/store").body == store)
    let new = try snapshot(node)
    try node.stop()

    let refused = try node.startAndFail()
    #expect(refused.exitStatus == 65 && refused.errorOutput.contains("another encryption key"))
    let other = try Node(
      ["DYNA_DATA_DIR": node.data, "DYNA_ENCRYPTION_KEY_FILE": newKey], in: node.directory)
    #expect(try Client(other).send("GET", "/t/store").body == store)
    try other.stop()

    let elsewhere = ["DYNA_DATA_DIR": "\(node.directory.path)/nowhere"]
    let withNew = ["DYNA_ENCRYPTION_KEY_FILE": newKey]
    func verify(_ file: String, _ changes: [String: String]) throws -> Int32 {
      try run(["snapshot", "verify", file], of: node, changes).status
    }
    // With a key file alone: each snapshot by the key of its time.
    #expect(try verify(new, elsewhere.merging(withNew) { $1 }) == 0)
    #expect(try verify(old, elsewhere) == 0)
    #expect(try verify(old, elsewhere.merging(withNew) { $1 }) != 0)
    #expect(try verify(new, elsewhere) != 0)
    // In the data directory the keyring has the data keys of both.
    #expect(try verify(old, withNew) == 0)
  }

  @Test("wrapped anew without a node, and rotated after it")
  func rewrapStopped() throws {
    let (node, store) = try filled()
    try node.stop()
    let newKey = try writeKey(node, "new.key")
    try keys("rewrap", "--new-key-file=\(newKey)", of: node)
    let withNew = ["DYNA_ENCRYPTION_KEY_FILE": newKey]
    #expect(try run(["keys", "list"], of: node).status == 1)
    try keys("rotate", of: node, withNew)
    #expect(try listed(node, withNew).keys.sorted() == [1, 2])
    let again = try Node(
      ["DYNA_DATA_DIR": node.data].merging(withNew) { $1 }, in: node.directory)
    #expect(try Client(again).send("GET", "/t/store").body == store)
    #expect(try eventually { try listed(again, withNew).keys.sorted() == [2] })
    try again.stop()
  }

  @Test(
    "killed at the n-th call of a rewrapping, one of the two key files opens the directory",
    .enabled(if: SystemCalls.canBeTampered, Comment(rawValue: SystemCalls.whyNot)),
    arguments: ["pwrite64", "fdatasync", "rename,renameat,renameat2"])
  func rewrapKilled(call: String) throws {
    for count in 1...5 {
      let (node, store) = try filled()
      let newKey = try writeKey(node, "new.key")
      let tracer = try SystemCalls.attach("\(call):signal=KILL:when=\(count)", to: node.process)
      _ = try run(["keys", "rewrap", "--new-key-file", newKey], of: node)
      if node.process.exitStatus == nil { try node.kill() }
      _ = try tracer.waitForExit()
      let keys = ["\(node.directory.path)/key", newKey]
      var opened = 0
      for key in keys {
        guard
          let again = try? Node(
            ["DYNA_DATA_DIR": node.data, "DYNA_ENCRYPTION_KEY_FILE": key], in: node.directory)
        else { continue }
        opened += 1
        #expect(try Client(again).send("GET", "/t/store").body == store)
        try again.kill()
      }
      #expect(opened == 1, "\(call) \(count)")
    }
  }

  @Test("a snapshot of a rotated node is restored on another machine with the key file alone")
  func elsewhere() throws {
    let (node, store) = try filled()
    try keys("rotate", of: node)
    let file = try snapshot(node)
    try node.stop()
    let machine = try TemporaryDirectory()
    try machine.write("copy.json.enc", Data(contentsOf: URL(fileURLWithPath: file)))
    try machine.write(
      "key", Data(contentsOf: URL(fileURLWithPath: "\(node.directory.path)/key")))
    try FileManager.default.removeItem(atPath: node.data)
    let environment = try Node.environment([:], machine)
    for words in [["verify", "./copy.json.enc"], ["restore", "./copy.json.enc", "data"]] {
      let process = try Node.process(["snapshot"] + words, environment, in: machine)
      #expect(try process.waitForExit() == 0, "\(process.errorOutput)")
    }
    let copy = try Node(in: machine)
    #expect(try Client(copy).send("GET", "/t/store").body == store)
    #expect(try Client(copy).login("carol", "secret").status == 200)
    try copy.stop()
  }

  // MARK: What is shown, and refused

  @Test("no key is ever shown, nor left in a file")
  func nothingShown() throws {
    let (node, _) = try filled()
    let newKey = try writeKey(node, "new.key")
    var shown = try keys("rotate", of: node) + keys("list", of: node)
    shown += try keys("rewrap", "--new-key-file", newKey, of: node)
    shown += try keys("list", of: node)
    let text = ByteText(shown + node.log)
    for file in ["key", "new.key"] {
      let key = try node.directory.read(file).bytes
      let hex = key.map { String(format: "%02x", $0) }.joined()
      #expect(!text.contains(ByteText(hex)) && !text.contains(ByteText(key)))
      for name in node.directory.files() where name.hasPrefix("data/") {
        let content = try node.directory.read(name)
        #expect(!content.contains(ByteText(key)) && !content.contains(ByteText(hex)), "\(name)")
      }
    }
    #expect(
      !node.directory.files().contains { $0.contains("keys.request") || $0.contains("keys.answer") }
    )
    try node.stop()
  }

  @Test("what cannot be done is said in one line and changes nothing", arguments: [true, false])
  func refused(isRunning: Bool) throws {
    let (node, store) = try filled()
    try node.directory.write("short.key", [1, 2, 3])
    if !isRunning { try node.stop() }
    let keyring = try node.directory.read("data/keyring.json")
    let mistakes = [
      [], ["nonsense"], ["rotate", "now"], ["rewrap"], ["rewrap", "--new-key-file"],
      ["rewrap", "--new-key-file", "missing.key"], ["rewrap", "--new-key-file", "short.key"],
      ["rotate", "--new-key-file", "key"],
    ]
    for words in mistakes {
      let outcome = try run(["keys"] + words, of: node)
      #expect(outcome.status == 1 && outcome.output.isEmpty, "\(words)")
      #expect(outcome.error.split(separator: "\n").count == 1, "\(words): \(outcome.error)")
    }
    let nowhere = try run(
      ["keys", "rotate"], of: node, ["DYNA_DATA_DIR": "\(node.directory.path)/nowhere"])
    #expect(nowhere.status == 1)
    #expect(!FileManager.default.fileExists(atPath: "\(node.directory.path)/nowhere"))
    #expect(try node.directory.read("data/keyring.json") == keyring)
    if !isRunning { try node.start() }
    #expect(try Client(node).send("GET", "/t/store").body == store)
    try node.stop()
  }

  @Test("commands that come at once are each answered")
  func together() throws {
    let (node, _) = try filled()
    let environment = try Node.environment(["DYNA_DATA_DIR": node.data], node.directory)
    let commands = try (0..<6).map { number in
      try Node.process(["keys", number < 3 ? "rotate" : "list"], environment, in: node.directory)
    }
    for command in commands {
      #expect(try command.waitForExit() == 0, "\(command.errorOutput)")
      #expect(!command.output.isEmpty)
    }
    #expect(try eventually { try listed(node).keys.max() ?? 0 >= 4 })
    try node.stop()
  }
}
