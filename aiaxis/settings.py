"""Every setting, with its reason. A wrong value stops the start, and says which setting and what it wants.

Without any environment this is a complete installation on one machine: embedded PostgreSQL, local identity, files on
disk, secrets made at the first start. With `DATABASE_URL` set it is a production installation, and then every secret
and every role's database URL must be given: nothing is guessed.
"""

from __future__ import annotations

import hashlib
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from csp.constants import NONCE
from django.core.exceptions import ImproperlyConfigured

from aiaxis import databases, home, stores
from aiaxis.environment import Environment
from aiaxis.postgres import EmbeddedServer

BASE_DIR = Path(__file__).resolve().parent.parent

env = Environment()
if (BASE_DIR / ".env").is_file():
    env.read_env(BASE_DIR / ".env")

# --- Where state lives, and the secrets -----------------------------------------------------------------------------

AIAXIS_HOME = Path(env.str("AIAXIS_HOME", default=str(BASE_DIR / ".aiaxis"))).absolute()
EMBEDDED = not env.str("DATABASE_URL", default="")
_own = home.own_secrets(AIAXIS_HOME) if EMBEDDED else {}


def _secret(name: str) -> str:
    value = env.str(name, default=_own.get(name, ""))
    if len(value) < 32:
        raise ImproperlyConfigured(f"{name} must be set to at least 32 random characters.")
    return str(value)


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


SECRET_KEY = _secret("SECRET_KEY")
FENCE_KEY = hashlib.sha256(_secret("FENCE_KEY").encode()).digest()  # seals the workspace context (tenancy/context.py)
SEAL_KEY = hashlib.sha256(_secret("SEAL_KEY").encode()).digest()  # signs the trail's checkpoints (audit/sealing.py)
JOB_KEY = hashlib.sha256(_secret("JOB_KEY").encode()).digest()  # seals background jobs, under a key of their own
# Encrypts what the identity store keeps for people (accounts/identity/vault.py). The first encrypts, all of them decrypt.
IDENTITY_KEYS = [_key(_secret("IDENTITY_KEY")), *(_key(old) for old in env.list("IDENTITY_KEYS_RETIRED", default=[]))]
NOTIFY_KEY = _secret("NOTIFY_KEY")  # encrypts where channels lead; the newest first (audit/notices/vault.py)
MODEL_KEY = _secret("MODEL_KEY")  # encrypts keys for model vendors; the newest first (agents/vendors/vault.py)

# --- Web ------------------------------------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# Addresses or networks whose X-Forwarded-For entries we believe; from anyone else the header is ignored (L41).
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
# What `manage.py serve` listens on, and with how many processes and threads. A waiting stream holds a thread.
ADDRESS = env.str("ADDRESS", default="127.0.0.1")
PORT = env.whole("PORT", default=8000, least=1, most=65535)
WEB_WORKERS = env.whole("WEB_WORKERS", default=2, least=1, most=64)
WEB_THREADS = env.whole("WEB_THREADS", default=256, least=8, most=1024)
ROOT_URLCONF = "aiaxis.urls"
WSGI_APPLICATION = "aiaxis.wsgi.application"

INSTALLED_APPS = [
    "accounts",
    "accounts.identity.store",  # the local identity store, in its own database
    "files",
    "agents",
    "conversations",
    "audit",
    "aiaxis",  # the roof: exports of workspaces; it brings `manage.py serve` and `load_demo`, which need every app, and static files
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "procrastinate.contrib.django",
    "axes",  # its tables count guesses, in the identity database
    "django_ratelimit",  # listed for its system checks, which run only then
]

# Order is security: each line says what it relies on.
MIDDLEWARE: list[str] = [
    # Outermost, so that its headers stand on every answer: static files, refusals and errors as well.
    "accounts.middleware.SecurityHeadersMiddleware",
    # Static files need no identity, and what answers them must cost nothing.
    "aiaxis.assets.AssetsMiddleware",
    # Outside everything that can refuse (hosts, CSRF, identity, views): it sees each finished response.
    "accounts.middleware.DenialMiddleware",
    # Turns away what comes from an address that an operator shut out, before anything is read or looked up for it.
    "audit.reviews.door.BlockMiddleware",
    "accounts.middleware.MethodMiddleware",  # refuses TRACE and its like, inside what records it
    # The redirect to https. The headers that it could set are set above, on every answer.
    "django.middleware.security.SecurityMiddleware",
    # Outside forms, sign-in and console: from elsewhere nothing below /operator/ is there, and asking is recorded.
    "accounts.middleware.OperatorNetworkMiddleware",
    # Checks the Host header, before anything builds an address from it; adds the slash that an address lacks.
    "django.middleware.common.CommonMiddleware",
    # Reads htmx's headers, for those below that answer with a fragment.
    "django_htmx.middleware.HtmxMiddleware",
    # A form that another site sent is refused before any view; outside identity, so that a refusal needs none.
    "django.middleware.csrf.CsrfViewMiddleware",
    # Closed unless public: nothing below runs for anybody who was not verified by both systems.
    "accounts.middleware.TenantMiddleware",
    # Reads the body, so it stands where strangers do not get; before any view can use what it refuses.
    "accounts.middleware.ReservedNamesMiddleware",
    # The whole request is here, so whoever waits for the workspace's turn waits for nothing else; all work is behind it.
    "accounts.middleware.TurnsMiddleware",
    # Keeps and repeats answers, so it stands where the whole request is known to be one that may pass.
    "accounts.middleware.RepeatsMiddleware",
    # Messages travel in a signed cookie; only pages use them.
    "django.contrib.messages.middleware.MessageMiddleware",
]
CSRF_FAILURE_VIEW = "accounts.problems.csrf_failure"
# __Host-: the browser takes it only with Secure, Path=/ and no Domain, so no neighbouring host can plant one.
CSRF_COOKIE_NAME = "__Host-csrf"
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_HTTPONLY = True  # forms and htmx carry the token from the page; no script needs the cookie
CSRF_COOKIE_SAMESITE = "Lax"
# Each page works only with what this origin serves; no inline script or style, nothing embedded, nothing framed.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'", NONCE],
        "style-src": ["'self'", NONCE],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "manifest-src": ["'self'"],
        "form-action": ["'self'"],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    },
}
# A browser obeys it on https only, so it harms no plain address of a test installation.
SECURE_HSTS_SECONDS = env.whole("SECURE_HSTS_SECONDS", default=31_536_000, least=0, most=10 * 31_536_000)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", default=False)
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=False)
# Only a proxy that we trust may say that a request came over https; without one the header means nothing.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
# The largest JSON or form body, in bytes; uploads have a cap of their own, in their upload handler.
DATA_UPLOAD_MAX_MEMORY_SIZE = 512 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Bytes of uploaded files, under random keys, on this machine's disk; only files/storage.py uses this (aiaxis/stores.py).
STORAGES = stores.of(env, AIAXIS_HOME)
# How much a workspace may keep, unless an operator set it for one (files/quota.py).
QUOTA_MEGABYTES = env.whole("QUOTA_MEGABYTES", default=5 * 1024, least=1, most=100_000_000)
CLAMAV = stores.scanner(env)  # where clamd listens, if files are to be scanned (files/scanning.py)
QUOTA_FILES = env.whole("QUOTA_FILES", default=10_000, least=1, most=10_000_000)
# The only handler: it counts what arrives, since a body is read before any view could look at its length.
FILE_UPLOAD_HANDLERS = ["files.uploads.CappedUploadHandler"]

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # no collect step between a clone and a running server
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"  # Django's sessions are not used

# --- Databases ------------------------------------------------------------------------------------------------------

# One login per duty; which table each may touch is written in accounts/grants.py, and proven at every start.
ROLES = {
    "default": ("DATABASE_URL", "aiaxis_app", "aiaxis"),
    "owner": ("DATABASE_OWNER_URL", "aiaxis_owner", "aiaxis"),
    "ops": ("DATABASE_OPS_URL", "aiaxis_ops", "aiaxis"),
    "queue": ("DATABASE_QUEUE_URL", "aiaxis_queue", "aiaxis"),
    "audit": ("DATABASE_AUDIT_URL", "aiaxis_audit", "aiaxis"),
    "seal": ("DATABASE_SEAL_URL", "aiaxis_seal", "aiaxis"),
    "identity": ("DATABASE_IDENTITY_URL", "aiaxis_identity", "aiaxis_identity"),
}
_server = EmbeddedServer(AIAXIS_HOME) if EMBEDDED else None


def _database_url(variable: str, role: str, database: str) -> str:
    if _server is not None:
        return _server.url(role, database)
    url = str(env.str(variable, default=""))
    if not url:
        raise ImproperlyConfigured(f"{variable} must be set, since DATABASE_URL is: the URL for the role {role}.")
    return url


def _database(variable: str, role: str, database: str) -> dict[str, Any]:
    url = _database_url(variable, role, database)
    return databases.described(variable, url, role=role, database=database, pool_size=POOL_SIZE)


# Connections per process and role; 0 opens one per thread and request. `manage.py serve` sets it for the web server.
POOL_SIZE = env.whole("DATABASE_POOL_SIZE", default=0, least=0, most=1000)
DATABASES: dict[str, dict[str, Any]] = {alias: _database(*where) for alias, where in ROLES.items()}
# Counters of the cache count outside the request's transaction: a rolled-back request has still been made.
DATABASES["cache"] = {**_database(*ROLES["default"]), "ENGINE": "django.db.backends.postgresql"}
DATABASE_ROUTERS = ["accounts.routers.RoleRouter"]
# LISTEN does not work through PgBouncer in transaction mode, so it has a URL of its own.
DATABASE_DIRECT_URL = databases.lasting(
    "DATABASE_DIRECT_URL", env.str("DATABASE_DIRECT_URL", default="") or _database_url(*ROLES["default"])
)
DATABASE_QUEUE_URL = databases.lasting("DATABASE_QUEUE_URL", _database_url(*ROLES["queue"]))

# --- Background jobs ------------------------------------------------------------------------------------------------

WORKER_CONCURRENCY = env.whole("WORKER_CONCURRENCY", default=4, least=1, most=64)  # jobs at once in one process
# Answers by models that it has written beside these, and how many of them one workspace has at once, in all workers together.
WORKER_REMOTE_PLACES = env.whole("WORKER_REMOTE_PLACES", default=16, least=1, most=256)
MODEL_ANSWERS_AT_ONCE = env.whole("MODEL_ANSWERS_AT_ONCE", default=8, least=1, most=256)
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "jobs"  # each app's jobs.py, so that what is handed in is also registered

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "accounts.User"

# --- Who is who ------------------------------------------------------------------------------------------------------

# `__Host-`: the browser takes it only with Secure, Path=/ and no Domain, so no neighbouring host can set or read it.
SESSION_COOKIE_NAME = "__Host-aiaxis"
# The longest that one sign-in lasts, and the longest between two of its requests.
SIGN_IN_SECONDS = env.whole("SIGN_IN_SECONDS", default=7 * 86_400, least=300, most=31 * 86_400)
SIGN_IN_IDLE_SECONDS = env.whole("SIGN_IN_IDLE_SECONDS", default=12 * 3600, least=300, most=31 * 86_400)
# How fresh a sign-in has to be for keys and other sensitive acts.
RECENT_LOGIN_SECONDS = env.whole("RECENT_LOGIN_SECONDS", default=15 * 60, least=60, most=86_400)
# Operators see across workspaces, so their sessions are short.
OPERATOR_SECONDS = env.whole("OPERATOR_SECONDS", default=3600, least=300, most=12 * 3600)
# Who verifies passwords: our own identity store, or WorkOS.
PASSWORDS = env.choice("PASSWORDS", default="local", choices=("local", "workos"))

# WorkOS: single sign-on, and what a company's directory says (accounts/identity/workos/). Without the first three there is none.
WORKOS_API_KEY = env.str("WORKOS_API_KEY", default="")
WORKOS_CLIENT_ID = env.str("WORKOS_CLIENT_ID", default="")
WORKOS_ISSUER = env.str("WORKOS_ISSUER", default="")  # the `iss` of its access tokens; it varies between environments
WORKOS_WEBHOOK_SECRET = env.str("WORKOS_WEBHOOK_SECRET", default="")
# Another host for staging or the tests. Plain http only to this machine: the server key travels in every request.
WORKOS_BASE_URL = env.service("WORKOS_BASE_URL", default="https://api.workos.com")

# From where operators may come, if only from some networks; everybody else finds nothing below /operator/.
OPERATOR_NETWORKS = env.networks("OPERATOR_NETWORKS")
# A sorted file of SHA-1 hashes of breached passwords ("HASH:count" lines), searched on this machine (identity/breaches.py).
BREACHED_PASSWORDS_FILE = env.str("BREACHED_PASSWORDS_FILE", default="")
PASSWORD_HASHERS = ["accounts.identity.hashing.BoundedArgon2Hasher"]  # one only: an older hash would be a way round it
# Only this one, which says yes to nobody: Django's own authenticate() must not be a second way in.
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend"]

# Guesses. Three limits, all counted before the password is hashed (accounts/throttling.py says why three).
# 1. Over all accounts, from one address ("attempts/minutes m"): somebody who tries one password on everybody.
SIGN_IN_RATE_PER_ADDRESS = env.rate("SIGN_IN_RATE_PER_ADDRESS", default="60/5m")
# 2. On one account, from all addresses, within the cool-off. A known device is not affected (NIST allows 100 in all).
SIGN_IN_LIMIT_PER_ACCOUNT = env.whole("SIGN_IN_LIMIT_PER_ACCOUNT", default=20, least=5, most=100)
# 3. On one account, from one address, within the cool-off.
AXES_FAILURE_LIMIT = 5
# Links to a new password: how many may be asked for from one address, and how many are mailed to one account.
RESET_RATE_PER_ADDRESS = env.rate("RESET_RATE_PER_ADDRESS", default="20/h")
RESET_RATE_PER_ACCOUNT = env.rate("RESET_RATE_PER_ACCOUNT", default="3/h")
# Requests of one API key; what is left of them stands in the headers of every answer.
API_RATE = env.rate("API_RATE", default="600/m")
AXES_COOLOFF_TIME = timedelta(minutes=15)  # without it a lockout would last for ever
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # or an attacker could prolong a victim's lockout at will
# Axes counts after a failure, so that 16 parallel guesses passed a limit of five (measured); ours counts before.
AXES_HANDLER = "accounts.throttling.ReservingHandler"
# Both together: an address alone would lock a whole office, a name alone its owner.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_USERNAME_FORM_FIELD = "email"
AXES_USERNAME_CALLABLE = "accounts.throttling.account_key"  # a keyed hash: nothing that was typed is stored
AXES_CLIENT_IP_CALLABLE = "accounts.throttling.axes_address"  # ipware believes a spoofed left-most entry (measured)
# Axes would store every other field of the form in clear. (Our handler stores none; this holds if it is ever replaced.)
AXES_SENSITIVE_PARAMETERS = [
    "email",
    "password",
    "current",
    "new",
    "again",
    "code",
    "link",
    "next",
    "csrfmiddlewaretoken",
]
AXES_DISABLE_ACCESS_LOG = True  # the trail records sign-ins
AXES_ENABLE_ADMIN = False  # nobody clears a lockout by clicking in a list of hashes
AXES_ALLOWED_CORS_ORIGINS = ""  # its default answers `*`
AXES_VERBOSE = False  # or its log lines carry who tried
RATELIMIT_FAIL_OPEN = False  # a cache that cannot count must not mean that nobody is counted
RATELIMIT_IP_META_KEY = "accounts.throttling.axes_address"  # the one resolver of client addresses, here too

# Counters, in a table of ours with exact limits (accounts/cache.py), or in Redis; in both under keyed hashes.
CACHES = {
    "default": {
        **(env.redis("CACHE_URL") or {"BACKEND": "accounts.cache.CounterCache", "LOCATION": "accounts_cache"}),
        "KEY_FUNCTION": "accounts.cache.hashed_key",
    },
}
SILENCED_SYSTEM_CHECKS = [
    "axes.W002",  # its middleware would answer lockouts in its own words; our views answer them
    "security.W002",  # X-Frame-Options is set by SecurityHeadersMiddleware, on refusals and static files as well
    "django_ratelimit.W001",  # our cache is not on its list, and is exact where two of those on it are not
]

# --- Mail -----------------------------------------------------------------------------------------------------------

# Where a link in a mail leads: the address under which people reach this installation.
PUBLIC_URL = env.site("PUBLIC_URL", default=f"http://127.0.0.1:{PORT}")
# "smtp+tls://user:password@mail.example:587" and its kind; without it, mails are printed where the worker runs.
EMAIL = env.mail("EMAIL_URL", default="consolemail://")
EMAIL_HOST, EMAIL_PORT = EMAIL["EMAIL_HOST"], EMAIL["EMAIL_PORT"]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = EMAIL["EMAIL_HOST_USER"], EMAIL["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS, EMAIL_USE_SSL = EMAIL.get("EMAIL_USE_TLS", False), EMAIL.get("EMAIL_USE_SSL", False)
# Any of Django's back ends, or another package's, by its dotted path; it finds its own settings in the environment.
EMAIL_BACKEND = env.str("EMAIL_BACKEND", default="") or EMAIL["EMAIL_BACKEND"]
EMAIL_TIMEOUT = 10  # seconds; a mail server that hangs holds one worker thread no longer
DEFAULT_FROM_EMAIL = env.str("MAIL_FROM", default="AiAxis <aiaxis@localhost>")

# --- Calls to addresses that somebody typed -------------------------------------------------------------------------

# Networks of this installation's own that a webhook may lead into, also without TLS. From everywhere else a private
# address is refused, whatever name or form it comes in (accounts/outbound/).
OUTBOUND_ALLOWED_NETWORKS = env.networks("OUTBOUND_ALLOWED_NETWORKS")
# How long a model may be silent (a small one may think for minutes), and how long its whole answer may take, in seconds.
MODEL_SILENCE_SECONDS = env.whole("MODEL_SILENCE_SECONDS", default=60, least=1, most=1800)
MODEL_SECONDS = env.whole("MODEL_SECONDS", default=300, least=1, most=3600)

# --- Language and time ----------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

# --- Logs -----------------------------------------------------------------------------------------------------------

# For a person at a terminal sentences, for whoever collects lines one JSON object each (aiaxis/logs.py).
_at_a_terminal = DEBUG or sys.stderr.isatty()
LOG_FORMAT = env.choice("LOG_FORMAT", default="plain" if _at_a_terminal else "json", choices=("json", "plain"))
# A line for each request. At a terminal it would bury the mails and sentences that stand there.
ACCESS_LOG = env.bool("ACCESS_LOG", default=LOG_FORMAT == "json")
# To standard error, one line each. Django's default would show nothing at all outside DEBUG, not even a crash.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"redacted": {"()": "audit.redaction.LogLine"}},
    "formatters": {"json": {"()": "aiaxis.logs.Json"}, "plain": {"()": "aiaxis.logs.Plain"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "filters": ["redacted"], "formatter": LOG_FORMAT}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "aiaxis.start": {"level": "INFO"},  # what a person at a terminal is told by the screen itself
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        # Refusals stand in the audit trail, redacted and counted; here a flood of them would only bury the crashes.
        "django.request": {"level": "ERROR"},
        "django.security": {"level": "CRITICAL"},
    },
}

# --- What operators watch -------------------------------------------------------------------------------------------

# With this token, and from these networks if any are named, a Prometheus reads /metrics; without it nothing is there.
METRICS_TOKEN = env.token("METRICS_TOKEN")
METRICS_NETWORKS = env.networks("METRICS_NETWORKS")
# Where crashes are reported besides, as a kind and a place in the code and nothing else (aiaxis/reports.py).
SENTRY_DSN = env.dsn("SENTRY_DSN")

# --- Tests ----------------------------------------------------------------------------------------------------------

TESTING = "pytest" in sys.modules
