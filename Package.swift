// swift-tools-version: 6.3
import PackageDescription

/// What 'make sanitize-address' or 'make sanitize-thread' looks for; nil in every other build.
let sanitizer = Context.environment["IPC_SANITIZE"]

/// Every target of ours: Swift 6, strict memory safety, warnings are errors.
let strict: [SwiftSetting] =
  [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
  ]
  // A lock that ThreadSanitizer understands.
  + (sanitizer == "thread" ? [.define("THREAD_SANITIZER")] : [])

let package = Package(
  name: "swift-ipc",
  products: [
    .library(name: "IPC", targets: ["IPC"]),
    .library(name: "IPCJSON", targets: ["IPCJSON"]),
    .library(name: "IPCWorkers", targets: ["IPCWorkers"]),
    .library(name: "IPCActors", targets: ["IPCActors"]),
    .library(name: "IPCTrace", targets: ["IPCTrace"]),
    .library(name: "ConcurrencyModels", targets: ["ConcurrencyModels"]),
    .executable(name: "ipc", targets: ["ipc"]),
    .executable(name: "ipc-https-worker", targets: ["ipc-https-worker"]),
  ],
  targets: [
    // C for what Swift can't call; the reason is beside each function.
    .target(name: "CSystem"),
    // The HTML parser that the system ships and FoundationXML already links.
    .systemLibrary(
      name: "CLibXML2", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev", "pkg-config"])]),
    // zlib, which libxml2 needs anyway: for compressed pages.
    .systemLibrary(name: "CZLib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev", "pkg-config"])]),
    .target(name: "SystemCalls", dependencies: ["CSystem"], swiftSettings: strict),
    // How figures are recorded, compared and written.
    .target(name: "Measurement", dependencies: ["SystemCalls"], swiftSettings: strict),
    // What processes record of their channels, read, put in order and shown. The hooks lie in SystemCalls.
    .target(
      name: "IPCTrace", dependencies: ["SystemCalls", "Measurement"],
      resources: [.embedInCode("Views/Page/timeline.css"), .embedInCode("Views/Page/timeline.js")],
      swiftSettings: strict),
    .target(
      name: "ConcurrencyModels", dependencies: ["SystemCalls", "Measurement"], swiftSettings: strict),
    .target(
      name: "IPC", dependencies: ["SystemCalls", "ConcurrencyModels"],
      // For MessageReader, which holds a span. A client needs no such setting.
      swiftSettings: strict + [.enableExperimentalFeature("Lifetimes")]),
    // Apart from IPC, which needs no Foundation.
    .target(name: "IPCJSON", dependencies: ["IPC"], swiftSettings: strict),
    .target(name: "IPCWorkers", dependencies: ["IPC", "SystemCalls", "Measurement"], swiftSettings: strict),
    .target(name: "IPCActors", dependencies: ["IPC", "SystemCalls"], swiftSettings: strict),
    .target(
      name: "Crawling",
      dependencies: [
        "IPC", "IPCWorkers", "IPCActors", "SystemCalls", "Measurement", "ConcurrencyModels", "CLibXML2",
        "CZLib",
      ],
      swiftSettings: strict),
    // The benchmark's own baseline: the same exchanges in plain C, which is the point of it.
    .target(name: "CBaseline"),
    .target(
      name: "Benchmarking",
      dependencies: [
        "IPC", "IPCWorkers", "IPCActors", "SystemCalls", "Measurement", "ConcurrencyModels", "Crawling",
        "CBaseline",
      ],
      swiftSettings: strict),
    .target(
      name: "Demos",
      dependencies: ["IPC", "IPCJSON", "IPCWorkers", "IPCActors", "IPCTrace", "ConcurrencyModels"],
      path: "Demos", swiftSettings: strict),
    .executableTarget(
      name: "ipc",
      dependencies: [
        "IPC", "IPCTrace", "ConcurrencyModels", "Crawling", "Benchmarking", "Demos", "SystemCalls",
        "Measurement",
      ],
      swiftSettings: strict),

    // The workers of a crawl that fetch https pages. Alone, since FoundationNetworking takes longer to load than all of ipc.
    .executableTarget(
      name: "ipc-https-worker", dependencies: ["IPC", "Crawling", "CCurlOptions"], swiftSettings: strict,
      // So that FoundationNetworking finds CCurlOptions' functions before libcurl's.
      linkerSettings: [
        .unsafeFlags(
          [
            "curl_easy_setopt", "curl_easy_getinfo", "curl_multi_add_handle", "curl_multi_info_read",
          ].flatMap {
            ["-Xlinker", "--export-dynamic-symbol=\($0)"]
          })
      ]),
    // What URLSession has no setting for, in front of libcurl; the reason is in its header.
    .target(name: "CCurlOptions"),

    // The actors of the tests, which both of their processes know.
    .target(
      name: "TestActors", dependencies: ["IPC", "IPCJSON", "IPCActors", "SystemCalls"], path: "Tests/Actors",
      swiftSettings: strict),
    // The jobs and the worker of the tests of pools, which both of their processes know.
    .target(
      name: "TestWorkers", dependencies: ["IPC", "IPCWorkers", "SystemCalls"], path: "Tests/Workers",
      swiftSettings: strict),
    // A mechanism outside of the catalogue, which both processes of the tests know.
    .target(
      name: "ToyMechanism", dependencies: ["IPC", "SystemCalls"], path: "Tests/ToyMechanism",
      swiftSettings: strict),
    // The other process of the tests.
    .executableTarget(
      name: "ipc-peer", dependencies: ["IPC", "SystemCalls", "TestActors", "TestWorkers", "ToyMechanism"],
      path: "Tests/IPCPeer",
      swiftSettings: strict),
    // A program whose top level waits, as the tests run it.
    .executableTarget(
      name: "ipc-async-program", dependencies: ["IPC"], path: "Tests/AsyncProgram", swiftSettings: strict),
    // What the golden tests look at kernel objects with, without the library.
    .target(name: "CProbe", path: "Tests/CProbe"),
    .testTarget(
      name: "IPCTests",
      dependencies: [
        "IPC", "ConcurrencyModels", "SystemCalls", "Measurement", "TestSupport", "CProbe", "ToyMechanism",
        "ipc-peer", "ipc-async-program",
      ],
      // The formats, as the tests compare them: read where they lie.
      exclude: [
        "Golden/abandoned.golden", "Golden/children.golden", "Golden/frames.golden",
        "Golden/handshakes.golden", "Golden/memory.golden", "Golden/registry.golden",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "IPCJSONTests", dependencies: ["IPC", "IPCJSON", "Measurement", "TestSupport"],
      swiftSettings: strict),
    .testTarget(
      name: "IPCWorkersTests",
      dependencies: [
        "IPC", "IPCWorkers", "Measurement", "SystemCalls", "TestSupport", "TestWorkers", "ipc-peer",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "IPCActorsTests",
      dependencies: [
        "IPC", "IPCActors", "SystemCalls", "Measurement", "TestSupport", "TestActors", "ipc-peer",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "IPCTraceTests",
      dependencies: ["IPC", "IPCTrace", "SystemCalls", "Measurement", "TestSupport", "ipc-peer"],
      swiftSettings: strict),
    // What the tests of several targets share.
    .target(
      name: "TestSupport", dependencies: ["IPC", "SystemCalls", "Measurement"], path: "Tests/TestSupport",
      swiftSettings: strict),
    .testTarget(
      name: "ConcurrencyModelsTests",
      dependencies: ["ConcurrencyModels", "SystemCalls", "Measurement", "TestSupport"],
      // What Python's generators do, and how it was asked: the tests read it where it lies.
      exclude: [
        "Generator/pep_cases.expected", "Generator/pep_cases.py", "Generator/pep_trace.py",
        "Generator/pep380_cases.py",
      ],
      swiftSettings: strict),
    // Servers that misbehave, and responses: what the tests of the crawl and of the tool share.
    .target(
      name: "CrawlSupport", dependencies: ["Crawling", "SystemCalls", "CZLib"], path: "Tests/CrawlSupport",
      swiftSettings: strict),
    .testTarget(
      name: "CrawlingTests",
      dependencies: [
        "Crawling", "IPC", "IPCWorkers", "SystemCalls", "Measurement", "ConcurrencyModels", "CrawlSupport",
        "TestSupport",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "BenchmarkingTests",
      dependencies: ["Benchmarking", "IPC", "Measurement", "TestSupport"], swiftSettings: strict),
    // Run the tool as a user does.
    .testTarget(
      name: "IPCCommandTests",
      dependencies: [
        "TestSupport", "CrawlSupport", "IPC", "IPCTrace", "IPCWorkers", "IPCActors", "Crawling",
        "ConcurrencyModels",
        "Benchmarking",
        "SystemCalls", "Measurement", "ipc", "ipc-https-worker",
      ],
      swiftSettings: strict),
    // Compile and run the examples of the documentation, and each demo as a program of its own.
    .testTarget(
      name: "SnippetTests", dependencies: ["IPC", "SystemCalls", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "MeasurementTests", dependencies: ["Measurement", "TestSupport"], swiftSettings: strict),
    .testTarget(
      name: "SystemCallsTests", dependencies: ["SystemCalls", "CSystem", "TestSupport"], swiftSettings: strict
    ),
  ],
  swiftLanguageModes: [.v6]
)

// What 'make fuzz' builds, with a compiler option of its own.
if Context.environment["IPC_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "ipc-fuzz", dependencies: ["Crawling"], path: "Tests/Fuzz",
      swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]))
}

// Only the channels, the pools and their tests: all of it takes three times as long to build.
if sanitizer != nil {
  let others: Set = [
    "Crawling", "CLibXML2", "CZLib", "CCurlOptions", "CBaseline", "Benchmarking", "Demos", "ipc",
    "ipc-https-worker",
    "CrawlSupport", "CrawlingTests",
    "BenchmarkingTests", "IPCCommandTests", "SnippetTests", "MeasurementTests", "SystemCallsTests",
    "IPCJSONTests",
    "IPCActorsTests", "ConcurrencyModelsTests",
  ]
  package.products.removeAll { others.contains($0.name) }
  package.targets.removeAll { others.contains($0.name) }
}
