import Platform
import Server

/// `dynaswift snapshot now|list|verify|restore`
enum Snapshot {
  static func run(_ words: [String]) -> Never {
    do throws(SnapshotCommand.Failure) {
      let command = try SnapshotCommand(
        words, environment: Machine.environment, file: Serve.environmentFile(),
        embeddedKey: Serve.embeddedKey())
      try command.run { Console.say($0) }
    } catch {
      Console.fail(error.message, code: error.code)
    }
    Machine.exit(.success)
  }
}
