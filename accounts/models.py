"""Who are the people, where do they belong, and what credentials has the platform issued to them?

No secret of a person stands here: passwords, key hashes and the identity system's own sessions live in the identity
store's database (or at WorkOS). What this database says is only half of a yes.
"""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.glass.models import Visit
from accounts.policies import KEPT
from accounts.tenancy.constraints import MemberPolicy, RowLevelSecurity
from accounts.tenancy.models import WorkspaceForeignKey, WorkspaceModel, new_id

__all__ = [
    "ApiKey",
    "Domain",
    "IdentityLink",
    "Invitation",
    "Membership",
    "OperatorSession",
    "Role",
    "Session",
    "User",
    "Visit",
    "Workspace",
]


class Role(models.TextChoices):
    """What a member may do in a workspace, from most to least."""

    OWNER = "owner", "Owner"
    ADMIN = "admin", "Admin"
    MEMBER = "member", "Member"
    VIEWER = "viewer", "Viewer"

    @property
    def rank(self) -> int:
        """Return the role's rank: a higher one may all that a lower one may."""
        return {"viewer": 0, "member": 1, "admin": 2, "owner": 3}[self.value]


class User(AbstractBaseUser):
    """A person, in however many workspaces. Visible only from a workspace that the person is a member of."""

    password = None  # type: ignore[assignment]  # the identity system keeps secrets, this database none
    last_login = None  # sessions and the trail say when

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(max_length=254, unique=True)  # always in lower case (a constraint holds it so)
    display_name = models.CharField(max_length=120)
    is_active = models.BooleanField(default=True)
    is_operator = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["display_name"]

    objects = BaseUserManager["User"]()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="accounts_user_email_lower"),
            RowLevelSecurity(
                name="accounts_user_rls",
                using="EXISTS (SELECT 1 FROM accounts_membership m WHERE m.user_id = accounts_user.id "
                "AND m.workspace_id = (SELECT fence.current_workspace()))",
            ),
        ]

    def __str__(self) -> str:
        return self.display_name

    @property
    def is_staff(self) -> bool:
        """Return whether Django's admin site may serve this person: operators only."""
        return self.is_operator


class Workspace(models.Model):
    """A customer: the line that no data crosses."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        SUSPENDED = "suspended", "Suspended"
        # To be erased on a day that can still be called off; nobody gets in, as when it is suspended.
        CLOSING = "closing", "To be erased"
        # The day has come, and nothing stops it any more.
        ERASING = "erasing", "Being erased"

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=60, unique=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.ACTIVE)
    # Why an operator suspended it or is closing it, in the operator's words; empty while it is active.
    status_reason = models.CharField(max_length=300, blank=True, default="", db_default="")
    erase_after = models.DateTimeField(null=True)
    # How much it may keep, where an operator said so; without that it is as much as the installation's settings say.
    most_bytes = models.BigIntegerField(null=True)
    most_files = models.IntegerField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    # The organisation at WorkOS whose people belong here; its directory's events concern this workspace and no other.
    organization_id = models.CharField(max_length=120, null=True, unique=True)  # noqa: DJ001 - NULL is unique to nobody
    requires_sso = models.BooleanField(default=False, db_default=False)
    # As what people of the organisation's verified domains may come in by themselves; empty: nobody may.
    joins_as = models.CharField(max_length=10, blank=True, default="", db_default="", choices=Role.choices)

    class Meta:
        constraints = [
            RowLevelSecurity(name="accounts_workspace_rls", using="id = (SELECT fence.current_workspace())"),
            # A rule never makes an owner, and an empty name would be an organisation that many share.
            models.CheckConstraint(condition=~models.Q(joins_as=Role.OWNER), name="accounts_workspace_joins_as"),
            models.CheckConstraint(condition=~models.Q(organization_id=""), name="accounts_workspace_organization"),
            # Nothing is erased without a day that was set for it, and no day is left behind when it is called off.
            models.CheckConstraint(
                condition=models.Q(erase_after__isnull=False, status__in=("closing", "erasing"))
                | models.Q(erase_after__isnull=True, status__in=("active", "suspended")),
                name="accounts_workspace_erase_after",
            ),
            # To PostgreSQL a limit that is not there is not below nothing either.
            models.CheckConstraint(
                condition=models.Q(most_bytes__gte=0, most_files__gte=0), name="accounts_workspace_quota"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class IdentityLink(models.Model):
    """Which account of an identity system is which person. Matched on (provider, subject) only, never on an e-mail (L32)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="identity_links")
    provider = models.CharField(max_length=20)
    subject = models.CharField(max_length=120)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "subject"], name="accounts_identitylink_subject")]

    def __str__(self) -> str:
        return f"{self.provider}:{self.subject}"


class Membership(WorkspaceModel):
    """A person's place in a workspace. Name and e-mail are copied, so that a workspace never needs to read `User`."""

    class Status(models.TextChoices):
        ACTIVE = "active", "Active"
        SUSPENDED = "suspended", "Suspended"
        REMOVED = "removed", "Removed"

    user = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    role = models.CharField(max_length=10, choices=Role.choices)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    display_name = models.CharField(max_length=120)
    email = models.EmailField(max_length=254)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "user"], name="accounts_membership_user")]
        indexes = [models.Index(fields=["user"], name="accounts_membership_of_user")]

    def __str__(self) -> str:
        return self.display_name


class Domain(WorkspaceModel):
    """A domain that the workspace's organisation has shown to be its own, as WorkOS says. Functions with the owner's rights write it."""

    name = models.CharField(max_length=253)  # in lower case

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "name"], name="accounts_domain_name")]
        # Only the definer functions of the sign-in search by the name alone.
        indexes = [models.Index(fields=["name"], name="accounts_domain_lookup")]

    def __str__(self) -> str:
        return self.name


OWN_ROWS = "membership_id = {member}"


class Session(WorkspaceModel):
    """The platform's half of a browser session. The identity system holds the other, under another hash of the cookie."""

    membership = WorkspaceForeignKey(Membership, models.CASCADE, related_name="sessions")
    token_hash = models.BinaryField(max_length=32)
    provider = models.CharField(max_length=20)
    subject = models.CharField(max_length=120)
    identity_session = models.CharField(max_length=120)
    method = models.CharField(max_length=12)
    address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)
    signed_in_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    idle_until = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "token_hash"], name="accounts_session_token"),
            MemberPolicy(name="accounts_session_member", read=OWN_ROWS, write=OWN_ROWS),
        ]
        indexes = [
            # Only the definer function that resolves a cookie searches by the hash alone.
            models.Index(fields=["token_hash"], name="accounts_session_hash"),
            models.Index(fields=["workspace", "membership", "-signed_in_at"], name="accounts_session_of_member"),
        ]

    def __str__(self) -> str:
        return f"session {self.id}"


class ApiKey(WorkspaceModel):
    """The platform's half of an API key: one workspace, one member, never more than the member may."""

    membership = WorkspaceForeignKey(Membership, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=24)
    key_hash = models.BinaryField(max_length=32)
    provider = models.CharField(max_length=20)
    subject = models.CharField(max_length=120)
    identity_key = models.CharField(max_length=120)
    # How the session came in that made it ("" where nobody knows): a workspace that insists on single sign-on takes no other.
    method = models.CharField(max_length=12, blank=True, default="", db_default="")
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    # So many days before its end its owner was last told of it; 0: there is nothing to tell, they chose its end themselves.
    warned_days = models.PositiveSmallIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "key_hash"], name="accounts_apikey_key"),
            MemberPolicy(name="accounts_apikey_member", read=OWN_ROWS, write=OWN_ROWS),
        ]
        indexes = [
            models.Index(fields=["key_hash"], name="accounts_apikey_hash"),
            # Only the definer function that looks for keys that are about to end searches by the end alone.
            models.Index(
                fields=["expires_at"], condition=models.Q(revoked_at__isnull=True), name="accounts_apikey_ending"
            ),
            models.Index(fields=["workspace", "membership", "-created_at"], name="accounts_apikey_of_member"),
        ]

    def __str__(self) -> str:
        return self.name


# Who was invited, and by whom, is for those who keep the list of people. Nobody may write a row: the functions of the fence do.
class Invitation(WorkspaceModel):
    """A place that waits for whoever reads one mailbox: good for 72 hours, once, and never above its sender's role."""

    email = models.EmailField(max_length=254)
    # The address as it is compared (accounts.identity.local.email_key): case-folded, and nothing cleverer.
    email_key = models.CharField(max_length=320)
    role = models.CharField(max_length=10, choices=Role.choices)
    # The link's token is derived from the row's id and this, so that sending it again makes the older link useless.
    nonce = models.CharField(max_length=32)
    token_hash = models.BinaryField(max_length=32)
    invited_by = WorkspaceForeignKey(Membership, models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "token_hash"], name="accounts_invitation_token"),
            models.UniqueConstraint(
                fields=["workspace", "email_key"],
                condition=models.Q(accepted_at__isnull=True, revoked_at__isnull=True),
                name="accounts_invitation_open",
            ),
            RowLevelSecurity(name="accounts_invitation_rls", using=KEPT),
        ]
        indexes = [
            # Only the definer functions that resolve a mailed link search by the hash alone.
            models.Index(fields=["token_hash"], name="accounts_invitation_hash"),
            models.Index(fields=["workspace", "invited_by"], name="accounts_invitation_by"),
        ]

    def __str__(self) -> str:
        return f"invitation {self.id}"

    @property
    def is_over(self) -> bool:
        """Have its 72 hours passed?"""
        return self.expires_at <= timezone.now()


class OperatorSession(models.Model):
    """The platform's half of an operator's session. It belongs to no workspace and opens none."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="operator_sessions")
    token_hash = models.BinaryField(max_length=32, unique=True)
    provider = models.CharField(max_length=20)
    subject = models.CharField(max_length=120)
    identity_session = models.CharField(max_length=120)
    method = models.CharField(max_length=12)
    address = models.GenericIPAddressField(null=True)
    signed_in_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"operator session {self.id}"
