import Platform
import Server

/// The command line without the secrets that it and the environment held.
///
/// They are taken as bytes and overwritten where they stood: neither `ps` nor `/proc` shows them
/// from then on. To be made first of all.
struct CommandLineSecrets {
  let words: [String]
  /// By the names of their variables. A flag is stronger than the environment.
  let secrets: [String: [UInt8]]

  private static let names = ["JWT_SECRET", "CLUSTER_SECRET", "ADMIN_PASSWORD"]

  init() {
    let flags = Self.names.map(Configuration.flag)
    let (words, found) = Machine.takeArguments(secretFlags: flags)
    var secrets: [String: [UInt8]] = [:]
    for (name, flag) in zip(Self.names, flags) {
      // Taken from both, whichever of them counts.
      let environment = Machine.takeEnvironment(name)
      secrets[name] = [found[flag], environment].compactMap { $0 }.first { !$0.isEmpty }
    }
    self.words = words
    self.secrets = secrets
  }
}
