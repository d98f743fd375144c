import Platform
import Server

/// `dynaswift keys list|rotate|rewrap`
enum Keys {
  static func run(_ words: [String]) -> Never {
    do throws(KeyCommand.Failure) {
      let command = try KeyCommand(
        words, environment: Machine.environment, file: Serve.environmentFile(),
        embeddedKey: Serve.embeddedKey())
      try command.run { Console.say($0) }
    } catch {
      Console.fail(error.message, code: error.code)
    }
    Machine.exit(.success)
  }
}
