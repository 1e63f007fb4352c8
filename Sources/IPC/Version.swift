/// The version of this package, which `ipc --version` and the benchmark's reports tell. It is said here and nowhere else in
/// the sources; CHANGELOG.md has a section of this name.
package let packageVersion = "0.2.0"
