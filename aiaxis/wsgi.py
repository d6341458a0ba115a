"""What does the web server call for each request?"""

import os

from aiaxis import requests

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiaxis.settings")
application = requests.application()

from accounts import isolation  # noqa: E402 - its models need the applications that the line above loads

# Asked by each process of whichever server imports this, so that none serves over a fence with a hole.
isolation.refuse_unless_isolated()
