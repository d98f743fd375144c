import Bytes
import Durability
import Simulation
import Testing

@Suite("Log: crashes")
struct LogCrashTests {
  static let keyring = Fixed.keyring()

  /// Runs the script of `seed` with a crash at `step`; nil for none. Returns the steps taken.
  private func play(seed: UInt64, crashAt step: Int?) throws -> (world: LogWorld, steps: Int) {
    var world = LogWorld(seed: seed, keyring: Self.keyring)
    var steps = 0
    for _ in 0..<3 where !world.isDown {
      world.disk.crash(at: step.map { $0 - steps })
      try world.run(rounds: 14)
      steps += world.disk.steps
      if !world.isDown { world.disk = world.disk.afterKill() }
    }
    return (world, steps)
  }

  @Test(
    "whatever the moment of a crash, every acknowledged entry comes back, once and in order",
    arguments: Seeds.first(16))
  func everyStep(seed: UInt64) throws {
    let steps = try play(seed: seed, crashAt: nil).steps
    #expect(steps > 20)
    for step in 1...steps {
      let crashed = try play(seed: seed, crashAt: step).world
      #expect(crashed.isDown)
      for outcome in 0..<3 {
        do {
          var world = crashed
          world.disk = crashed.disk.afterCrash()
          try world.recover()
          // A recovery that crashed, or one more, finds the same.
          let expected = world.written
          world.disk = world.disk.afterCrash()
          let again = try world.recover()
          #expect(world.written == expected, "seed \(seed) step \(step) outcome \(outcome)")
          #expect(again.torn == nil)
          // And it goes on from there.
          try world.run(rounds: 6)
          world.disk = world.disk.afterCrash()
          try world.recover()
        } catch {
          Issue.record("seed \(seed), step \(step), outcome \(outcome): \(error)")
          return
        }
      }
    }
  }

  @Test("a crash in the middle of recovery changes nothing", arguments: Seeds.first(6))
  func crashInRecovery(seed: UInt64) throws {
    let steps = try play(seed: seed, crashAt: nil).steps
    for step in stride(from: 5, through: steps, by: 7) {
      let crashed = try play(seed: seed, crashAt: step).world
      var first = crashed
      first.disk = crashed.disk.afterCrash()
      let before = first.disk.afterKill()
      try first.recover()
      for stop in 1...max(1, first.disk.steps) {
        var world = crashed
        world.disk = before.afterKill()
        world.disk.crash(at: stop)
        _ = try? Recovery.replay(
          world.disk, keyring: world.keyring, after: UInt64(world.applied), random: world.salts
        ) { _ in }
        world.disk = world.disk.afterCrash()
        do { try world.recover() } catch {
          Issue.record("seed \(seed), step \(step), stop \(stop): \(error)")
          return
        }
        #expect(world.written == first.written)
      }
    }
  }
}
