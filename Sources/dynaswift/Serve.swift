import CKey
import Platform
import Server

/// `dynaswift <LISTEN_ADDRESS> [JOIN_ADDRESS]`
enum Serve {
  static func run(_ words: [String], secrets: [String: [UInt8]]) -> Never {
    let configuration: Configuration
    do throws(Configuration.Mistake) {
      configuration = try Configuration.read(
        words, environment: Machine.environment, variables: Machine.environmentNames,
        file: environmentFile(),
        secrets: { secrets[$0] })
    } catch {
      Console.fail(error.message)
    }
    if configuration.allowsCoreDumps { Machine.setDumpable(true) }
    do throws(Server.StartError) {
      try Server.run(configuration, embeddedKey: embeddedKey())
    } catch {
      Console.fail(error.message, code: error.code)
    }
    Machine.exit(.success)
  }

  /// The settings of `.env` in the working directory, none where there is no such file.
  static func environmentFile() -> [String: String] {
    guard let bytes = try? Machine.readWholeFile(".env", limit: 1 << 20) else { return [:] }
    return Configuration.environmentFile(String(decoding: bytes, as: UTF8.self))
  }

  /// The key that the build found beside Package.swift.
  static func embeddedKey() -> [UInt8]? {
    // A constant array of the C part, of the length that it says.
    guard let start = unsafe dyna_embedded_key() else { return nil }
    return unsafe Array(UnsafeBufferPointer(start: start, count: dyna_embedded_key_length()))
  }
}
