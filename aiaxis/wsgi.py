"""What does the web server call for each request?"""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aiaxis.settings")
application = get_wsgi_application()
