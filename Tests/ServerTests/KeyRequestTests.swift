import Bytes
import Durability
import Platform
import Testing

@testable import Server

@Suite("Key requests")
struct KeyRequestTests {
  private static let id = "0123456789abcdef"

  @Test(
    "a request is read as it was written",
    arguments: [
      KeyRequest(id: id, .rotate), KeyRequest(id: id, .list),
      KeyRequest(id: id, .rewrap(keyFile: "/a path/with\na line end")),
    ])
  func roundTrip(request: KeyRequest) {
    #expect(KeyRequest(text: request.text) == request)
    #expect(request.answerName == "keys.answer.\(Self.id)")
  }

  @Test(
    "what is no request is none",
    arguments: [
      "", "\n", "rotate", "\(id)\nrotate", "\(id)\nrotate\nx", "\(id)\nlist\nx", "\(id)\nrewrap\n",
      "\(id)\nnonsense\n", "../../../etc/pass\nrotate\n", "0123456789ABCDEF\nrotate\n",
      "0123456789abcde\nrotate\n", "\(id)\n\n",
    ])
  func refused(text: String) {
    #expect(KeyRequest(text: text) == nil)
  }

  @Test("no two requests have one name")
  func names() {
    #expect(Set((0..<100).map { _ in KeyRequest(.list).id }).count == 100)
  }

  @Test("an answer is there before the request is gone, and is taken once")
  func answers() throws {
    let directory = try DataDirectory()
    try Machine.makeDirectories(directory.path)
    let disk = try FileDisk(path: directory.path)
    let request = KeyRequest(.rotate)
    try request.leave(on: disk)
    #expect(KeyRequest.waiting(on: disk) == request)
    #expect(try KeyAnswer.take(of: request, on: disk) == nil)
    let answer = KeyAnswer(isDone: false, message: "no\nroom")
    answer.leave(to: request, on: disk)
    #expect(KeyRequest.waiting(on: disk) == nil)
    #expect(try KeyAnswer.take(of: request, on: disk) == answer)
    #expect(try directory.names() == [])
  }

  @Test("a node clears away what broken-off commands left")
  func removeAll() throws {
    let directory = try DataDirectory()
    try Machine.makeDirectories(directory.path)
    let disk = try FileDisk(path: directory.path)
    for name in ["keys.request", "keys.request.1.tmp", "keys.answer.7", "keyring.json"] {
      _ = try disk.create(name)
    }
    KeyRequest.removeAll(on: disk)
    #expect(try directory.names() == ["keyring.json"])
  }

  @Test(
    "a list shows numbers, ages and uses",
    arguments: [(59, "59 seconds"), (60, "1 minute"), (7_200, "2 hours"), (90_000, "1 day")])
  func list(seconds: UInt64, age: String) throws {
    let key = [UInt8](repeating: 7, count: 32)
    let directory = try DataDirectory()
    try Machine.makeDirectories(directory.path)
    let first = try Keyring.open(FileDisk(path: directory.path), keyEncryptionKey: key.span)
    let keyring = try first.rotated(keyEncryptionKey: key.span, milliseconds: 1_000)
    var use = KeyUse()
    use.countBlock(([1, 0, 0, 0, 1, 0, 0, 0] as [UInt8]).span)
    let text = KeyList.text(keyring, use, now: 1_000 + seconds * 1_000)
    let lines = text.split(separator: "\n").map(String.init)
    #expect(
      lines[0] == "key 2  current  made \(age) ago  0 log segments, 0 blocks, 0 snapshots")
    #expect(
      lines[1]
        == "key 1  old      made at an unknown time  0 log segments, 1 blocks, 0 snapshots")
    #expect(lines.count == 3 && lines[2].hasPrefix("wrapped by the key file with the mark "))
  }
}
