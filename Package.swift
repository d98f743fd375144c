// swift-tools-version: 6.2
// The floors of the house, lowest first. A target may import only what stands in its list;
// `swift build --explicit-target-dependency-import-check error` holds it to that.
import PackageDescription

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
]

func floor(_ name: String, on dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, of dependencies: [Target.Dependency]) -> Target {
  .testTarget(
    name: name, dependencies: dependencies,
    swiftSettings: [.swiftLanguageMode(.v6), .enableExperimentalFeature("Lifetimes")])
}

let package = Package(
  name: "dynaswift",
  products: [
    .executable(name: "dynaswift", targets: ["dynaswift"]),
    .executable(name: "dynasim", targets: ["dynasim"]),
    .executable(name: "dynabench", targets: ["dynabench"]),
  ],
  targets: [
    // 0  C headers
    .systemLibrary(name: "CLinux"),
    .systemLibrary(name: "CProcessor"),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .target(name: "CKey"),
    // 1  the ground
    floor("Bytes", on: ["CProcessor"]),
    floor("Crypto", on: ["COpenSSL", "Bytes"]),
    // 2  the domain
    floor("JSON", on: ["Bytes"]),
    floor("HTTP", on: ["Bytes"]),
    floor("Store", on: ["Bytes"]),
    floor("Auth", on: ["JSON", "Crypto", "Bytes"]),
    // 3  the protocol
    floor("Cluster", on: ["Store", "Crypto", "Bytes"]),
    floor("Durability", on: ["Store", "Crypto", "JSON", "Bytes"]),
    // 4  the machine
    floor(
      "Platform",
      on: ["CLinux", "CProcessor", "CSQLite", "COpenSSL", "Durability", "Store", "Bytes"]),
    // 5  the server
    floor(
      "Server",
      on: [
        "Platform", "Cluster", "Durability", "Store", "Auth", "HTTP", "JSON", "Crypto", "Bytes",
      ]),
    floor("Simulation", on: ["Cluster", "Durability", "Store", "Crypto", "JSON", "Bytes"]),
    // 6  executables
    .executableTarget(
      name: "dynaswift", dependencies: ["Server", "HTTP", "JSON", "Platform", "Bytes", "CKey"],
      swiftSettings: settings),
    .executableTarget(
      name: "dynasim", dependencies: ["Simulation", "Platform", "Bytes"], swiftSettings: settings),
    .executableTarget(
      name: "dynabench", dependencies: ["HTTP", "JSON", "Platform", "Bytes"],
      swiftSettings: settings),

    tests("BytesTests", of: ["Bytes"]),
    tests("CryptoTests", of: ["Crypto", "Bytes"]),
    tests("JSONTests", of: ["JSON", "Bytes"]),
    tests("HTTPTests", of: ["HTTP", "Bytes"]),
    tests("StoreTests", of: ["Store", "Bytes"]),
    tests("AuthTests", of: ["Auth", "JSON", "Crypto", "Bytes"]),
    tests(
      "DurabilityTests", of: ["Durability", "Simulation", "Store", "Crypto", "JSON", "Bytes"]),
    tests("ClusterTests", of: ["Cluster", "Store", "Crypto", "Bytes"]),
    tests("SimulationTests", of: ["Simulation", "Cluster"]),
    tests("PlatformTests", of: ["Platform", "Durability", "Store", "Bytes"]),
    tests(
      "ServerTests",
      of: [
        "Server", "Cluster", "Durability", "HTTP", "JSON", "Auth", "Crypto", "Store", "Platform",
        "Bytes",
      ]),
    tests("EndToEndTests", of: []),
  ]
)

// The fuzz target exists only for scripts/fuzz.sh: it links against libFuzzer.
if Context.environment["DYNA_FUZZ"] != nil {
  package.products.append(.executable(name: "dynafuzz", targets: ["dynafuzz"]))
  package.targets.append(
    .executableTarget(
      name: "dynafuzz", dependencies: ["HTTP", "JSON", "Auth", "Durability"], path: "Fuzz",
      exclude: ["seeds"],
      swiftSettings: settings + [
        .enableExperimentalFeature("Extern"), .unsafeFlags(["-parse-as-library"]),
      ]))
}
