import Testing

@testable import Platform

@Suite("Process secrets")
struct ProcessSecretsTests {
  /// Takes the secrets out of a command line, and returns what its memory holds then.
  private func take(
    _ words: [String], terminated: Bool = true
  ) -> (words: [String], secrets: [String: [UInt8]], memory: [String]) {
    var memory: [UInt8] = []
    for word in words { memory += Array(word.utf8) + [0] }
    if !terminated { memory.removeLast() }
    var span = memory.mutableSpan
    let (rest, secrets) = Machine.takeArguments(
      from: &span, secretFlags: ["--secret", "--other-secret"])
    let left = memory.split(separator: 0, omittingEmptySubsequences: false)
    return (
      rest, secrets,
      (terminated ? left.dropLast() : left[...]).map { String(decoding: $0, as: UTF8.self) }
    )
  }

  private func text(_ bytes: [UInt8]?) -> String? {
    bytes.map { String(decoding: $0, as: UTF8.self) }
  }

  @Test("a secret in a word of its own, or behind its flag, is taken and overwritten")
  func both() {
    let taken = take([
      "node", "host:1", "--secret", "first", "--log", "debug", "--other-secret=x=y",
    ])
    #expect(taken.words == ["host:1", "--log", "debug"])
    #expect(text(taken.secrets["--secret"]) == "first")
    #expect(text(taken.secrets["--other-secret"]) == "x=y")
    #expect(
      taken.memory == [
        "node", "host:1", "--secret", "*****", "--log", "debug", "--other-secret=***",
      ])
  }

  @Test("of several the last counts, and all are overwritten")
  func several() {
    let taken = take(["node", "--secret=a", "--secret", "bb", "--secret=ccc"])
    #expect(taken.words == [] && text(taken.secrets["--secret"]) == "ccc")
    #expect(taken.memory == ["node", "--secret=*", "--secret", "**", "--secret=***"])
  }

  @Test("a flag without its value is left for who complains about it")
  func missing() {
    let taken = take(["node", "a", "--secret"])
    #expect(taken.words == ["a", "--secret"] && taken.secrets.isEmpty)
  }

  @Test("other words stay as they are, empty ones too")
  func others() {
    let words = ["node", "", "--secrets", "--secretx=1", "x--secret", "=", "--log="]
    let taken = take(words)
    #expect(taken.words == Array(words.dropFirst()) && taken.secrets.isEmpty)
    #expect(taken.memory == words)
  }

  @Test("the value may look like anything, a flag too, and may be empty")
  func odd() {
    let taken = take(["node", "--secret", "--secret", "--other-secret", ""])
    #expect(taken.words == [])
    #expect(text(taken.secrets["--secret"]) == "--secret")
    #expect(text(taken.secrets["--other-secret"]) == "")
  }

  @Test("memory without an end, or without anything, is read to where it ends")
  func ends() {
    #expect(take(["node", "--secret", "abc"], terminated: false).memory.last == "***")
    #expect(take(["node"], terminated: false).words == [])
  }

  @Test("a variable that is taken is gone")
  func environment() {
    #expect(Machine.takeEnvironment("DYNA_NO_SUCH_VARIABLE_OF_TESTS") == nil)
  }
}
