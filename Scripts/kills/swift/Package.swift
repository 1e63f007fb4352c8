// swift-tools-version: 6.3
import PackageDescription

let package = Package(
  name: "kills",
  dependencies: [.package(name: "swift-ipc", path: "../../..")],
  targets: [
    .executableTarget(
      name: "kills",
      dependencies: [
        .product(name: "IPC", package: "swift-ipc"), .product(name: "IPCWorkers", package: "swift-ipc"),
      ])
  ])
