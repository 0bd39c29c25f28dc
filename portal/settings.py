"""All settings, from the environment alone. docs/configuration.md lists every variable."""

from pathlib import Path
from urllib.parse import urlsplit

import environ
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from portal import database, logs, oidc
from portal import environment as env
from portal.version import VERSION
from trunks.business import Calendar

BASE_DIR = Path(__file__).resolve().parent.parent
PORTAL_VERSION = VERSION
env.speak_plainly()
DATA_DIR = env.folder("DATA_DIR", BASE_DIR / ".data")

# --- who we are -------------------------------------------------------------------------------------------------

DEBUG = env.flag("DEBUG")
SITE_URL = env.web_address("SITE_URL", "http://127.0.0.1:8000", root=True)
_site = urlsplit(SITE_URL)
HTTPS = _site.scheme == "https"
SECRET_KEY = env.signing_secret("SECRET_KEY", strong=HTTPS)
SECRET_KEY_FALLBACKS = env.secret_words("SECRET_KEY_FALLBACKS", "")
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", env.host_of(SITE_URL))
CSRF_TRUSTED_ORIGINS = [f"{_site.scheme}://{_site.netloc}"]
FIELD_ENCRYPTION_KEYS = env.fernet_keys("FIELD_ENCRYPTION_KEYS")

# --- the application --------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "trunks",
    "portal",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    *("allauth", "allauth.account", "allauth.mfa", "allauth.usersessions", "allauth.socialaccount"),
    "allauth.socialaccount.providers.openid_connect",
    "django_htmx",
    "lucide",
    "csp",
]
MIDDLEWARE = [
    "trunks.middleware.request_context",
    "trunks.middleware.by_address",
    "trunks.middleware.compressed",
    "csp.middleware.CSPMiddleware",
    "trunks.middleware.bounded",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "trunks.middleware.browser_mark",
    "trunks.middleware.time_zone",
    "trunks.middleware.sign_in_required",
    "trunks.views.unavailable.told",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "portal.drawing.Templates",
        "DIRS": [BASE_DIR / "templates", BASE_DIR / "templates" / "allauth"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "trunks.views.navigation.navigation",
            ],
            "builtins": [
                "lucide.templatetags.lucide",
                "trunks.templatetags.portal",
                "trunks.templatetags.frame",
            ],
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "trunks.User"
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = False

# --- where the truth lives --------------------------------------------------------------------------------------

DATABASES = {
    "default": database.of(
        env.secret("DATABASE_URL", f"sqlite:///{DATA_DIR / 'portal.sqlite3'}"),
        tests=DATA_DIR / "test.sqlite3",
    )
}

# --- the doorbell -----------------------------------------------------------------------------------------------

REDIS_URL = env.redis_address("REDIS_URL")
CACHES = {
    "default": (
        {
            "BACKEND": "portal.cache.SharedCache",
            "LOCATION": REDIS_URL,
            # A Redis that hangs must not hang every sign-in; one that lies must not run code.
            "OPTIONS": {"socket_timeout": 3, "serializer": "portal.cache.JsonSerializer"},
        }
        if REDIS_URL
        # One web process with threads is the embedded default: all who count share it. Django keeps 300 entries only.
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 10_000}}
    )
}
BROKER_DIR = DATA_DIR / "broker"

# --- Zoom -------------------------------------------------------------------------------------------------------

ZOOM_API_URL = env.web_address("ZOOM_API_URL", "https://api.zoom.us/v2")
ZOOM_OAUTH_URL = env.web_address("ZOOM_OAUTH_URL", "https://zoom.us/oauth/token")
DNIS_PREFIX_LENGTH = env.whole("DNIS_PREFIX_LENGTH", 5, least=1)
DNIS_MAX_LENGTH = env.whole("DNIS_MAX_LENGTH", 8, least=DNIS_PREFIX_LENGTH)

METRICS_TOKEN = env.secret("METRICS_TOKEN", "")

HTTP_DEADLINE_SECONDS = env.number("HTTP_DEADLINE_SECONDS", 30, least=0.1)
LEASE_SECONDS = env.number("LEASE_SECONDS", 90, least=0.2)
QUIET_SECONDS = env.number("QUIET_SECONDS", 60)
SWEEP_SECONDS = env.number("SWEEP_SECONDS", 15, least=0.1)
GRACE_SECONDS = env.number("GRACE_SECONDS", 30)
ASK_PEOPLE_SECONDS = env.number("ASK_PEOPLE_SECONDS", 3600, least=1)
_MOST_DAYS = 3650
# After no days at all nothing could be decided.
EXPIRY_DAYS = env.number("EXPIRY_DAYS", 30, least=0.01, most=_MOST_DAYS)
REMIND_DAYS = env.number("REMIND_DAYS", 1, most=_MOST_DAYS)
ESCALATE_DAYS = env.number("ESCALATE_DAYS", 2, most=_MOST_DAYS)
OUTBOX_DAYS = env.whole("OUTBOX_DAYS", 365, most=_MOST_DAYS)
SYNC_SECONDS = env.number("SYNC_SECONDS", 3600, least=1)
if LEASE_SECONDS < HTTP_DEADLINE_SECONDS * 1.5:
    # A worker sends only while its lease outlives the call; a shorter lease would never let it send.
    raise ImproperlyConfigured("LEASE_SECONDS must be at least one and a half times HTTP_DEADLINE_SECONDS.")

# --- when people are at work ------------------------------------------------------------------------------------

CALENDAR = Calendar(
    weekdays=env.weekdays("BUSINESS_DAYS", "mon-fri"),
    zone=env.zone("BUSINESS_ZONE", "UTC"),
    holidays=env.dates("HOLIDAYS"),
)
DIGEST_HOUR = env.whole("DIGEST_HOUR", 8, most=23)

# --- proof of the audit trail -----------------------------------------------------------------------------------

AUDIT_SIGNING_KEY = env.signing_key("AUDIT_SIGNING_KEY")
AUDIT_PUBLIC_KEYS = env.trusted_keys("AUDIT_PUBLIC_KEYS", AUDIT_SIGNING_KEY)
AUDIT_DIGEST_DIR = env.text("AUDIT_DIGEST_DIR", "") or None
AUDIT_RETENTION_MONTHS = env.whole("AUDIT_RETENTION_MONTHS", 0, most=1200)  # a hundred years
AUDIT_ARCHIVE_DIR = env.text("AUDIT_ARCHIVE_DIR", "") or None
AUDIT_STREAM = env.receiver("AUDIT_STREAM")
EXPORT_MEGABYTES = env.whole("EXPORT_MEGABYTES", 500, least=1)

# --- people -----------------------------------------------------------------------------------------------------

ROLES = frozenset({"staff", "supervisor", "manager", "administrator"})
REQUIRE_MFA = frozenset(env.words("REQUIRE_MFA", "supervisor,administrator", among=ROLES))
SAME_BROWSER_DECISIONS = env.choice("SAME_BROWSER_DECISIONS", "flag", among=frozenset({"flag", "refuse"}))
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "portal.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[SIP trunk portal] "  # allauth's own is what the caller wrote into Host
ACCOUNT_DEFAULT_HTTP_PROTOCOL = _site.scheme
ALLAUTH_TRUSTED_PROXY_COUNT = env.whole("TRUSTED_PROXY_COUNT", 0)
OIDC_ISSUER = env.web_address("OIDC_ISSUER", "") if env.text("OIDC_ISSUER", "") else ""
OIDC_NAME = env.text("OIDC_NAME", "single sign-on")
OIDC_GROUPS_CLAIM = env.text("OIDC_GROUPS_CLAIM", "groups")
OIDC_ROLE_MAP = env.pairs("OIDC_ROLE_MAP", among=ROLES)
OIDC_CREATE_PEOPLE = env.flag("OIDC_CREATE_PEOPLE")
OIDC_PROVIDER = "sso"
SOCIALACCOUNT_ADAPTER = "portal.single_sign_on.SocialAccountAdapter"
_oidc_client = (
    env.text("OIDC_CLIENT_ID", None if OIDC_ISSUER else ""),
    env.secret("OIDC_CLIENT_SECRET", None if OIDC_ISSUER else ""),
)
SOCIALACCOUNT_PROVIDERS = oidc.providers(OIDC_ISSUER, OIDC_PROVIDER, OIDC_NAME, *_oidc_client)
USERSESSIONS_ADAPTER = "portal.adapters.SessionsAdapter"
STEP_UP_SECONDS = env.number("STEP_UP_SECONDS", 900)
MFA_ADAPTER = "portal.adapters.MFAAdapter"
ACCOUNT_FORMS = {
    "change_password": "portal.forms.NewPasswordForm",
    "login": "portal.forms.SignInForm",
    "reset_password": "portal.forms.AskForPasswordForm",
    "reset_password_from_key": "portal.forms.PasswordByLinkForm",
}
MFA_FORMS = {
    "add_webauthn": "portal.forms.AddPasskeyForm",
    "authenticate_webauthn": "portal.forms.AuthenticatePasskeyForm",
    "edit_webauthn": "portal.forms.RenamePasskeyForm",
    "login_webauthn": "portal.forms.LoginPasskeyForm",
    "reauthenticate_webauthn": "portal.forms.ProofPasskeyForm",
}
# Browsers keep passkeys for names alone: where the portal is reached by an IP address there are none.
PASSKEYS = not env.is_ip_address(str(_site.hostname))
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", *(["webauthn"] if PASSKEYS else [])]
MFA_PASSKEY_LOGIN_ENABLED = PASSKEYS
MFA_TOTP_ISSUER = "SIP trunk portal"

# --- the browser ------------------------------------------------------------------------------------------------

SESSION_ENGINE = "portal.sessions"
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"
BROWSER_COOKIE_NAME = "__Host-browser" if HTTPS else "browser"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 365 * 86400 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
if HTTPS and ALLAUTH_TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CSRF_FAILURE_VIEW = "trunks.views.http.csrf_failed"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        # A form's post to the portal may be answered with the way to the identity provider.
        "form-action": [SELF, *([oidc.origin(OIDC_ISSUER)] if OIDC_ISSUER else [])],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "object-src": [NONE],
    }
}
STATIC_URL = "static/"
# Made at once: where nothing was collected yet, whitenoise would warn of it.
STATIC_ROOT = env.made("DATA_DIR", DATA_DIR / "static")
# Without collectstatic the files are served from where they lie, under their plain names.
WHITENOISE_USE_FINDERS = not (STATIC_ROOT / "staticfiles.json").exists()
STATICFILES_DIRS = [("portal", BASE_DIR / "static" / "portal"), ("vendor", BASE_DIR / "static" / "vendor")]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "portal.storage.StaticFiles"
            if env.flag("STATIC_MANIFEST", default=True)
            # Without collectstatic nobody knows the hashed names: for tests and runserver.
            else "django.contrib.staticfiles.storage.StaticFilesStorage"
        )
    },
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000  # of a whole post, files included: trunks.middleware.bounded
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500

# --- letters and logs -------------------------------------------------------------------------------------------

try:
    _email = environ.Env.email_url_config(env.secret("EMAIL_URL", "consolemail://"))
except Exception as error:  # as for DATABASE_URL
    raise ImproperlyConfigured("EMAIL_URL cannot be understood.") from error
globals().update(_email)
DEFAULT_FROM_EMAIL = env.text("DEFAULT_FROM_EMAIL", f"SIP trunk portal <portal@{_site.hostname}>")

WEBHOOK_ALLOW_PRIVATE = env.flag("WEBHOOK_ALLOW_PRIVATE")

_log_level = env.choice(
    "LOG_LEVEL", "INFO", among=frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})
)
LOGGING = logs.configuration(_log_level)
