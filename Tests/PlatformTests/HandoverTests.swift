import Platform
import Testing

@Suite("Handover")
struct HandoverTests {
  private struct Only: ~Copyable {
    let number: Int
  }

  @Test("a value that cannot be copied reaches the thread that takes it")
  func handover() throws {
    let source = Handover(Only(number: 42))
    let found = Locked(0)
    let thread = try Thread.start(name: "taker") {
      let only = source.take()
      found.withLock { $0 = only.number }
    }
    thread.join()
    #expect(found.withLock { $0 } == 42)
  }

  @Test("a value that nobody takes is destroyed with the handover")
  func destruction() {
    let gone = Locked(false)
    do {
      final class Witness: Sendable {
        let gone: Locked<Bool>
        init(_ gone: Locked<Bool>) { self.gone = gone }
        deinit { gone.withLock { $0 = true } }
      }
      _ = Handover(Witness(gone))
    }
    #expect(gone.withLock { $0 })
  }

  @Test("taking a value twice ends the process")
  func twice() async {
    await #expect(processExitsWith: .failure) {
      let source = Handover(1)
      _ = source.take()
      _ = source.take()
    }
  }
}
