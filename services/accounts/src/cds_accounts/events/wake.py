"""What handlers share with the refresher of the same process: a bell that saves it from waiting for its next round."""

import asyncio
from typing import Annotated

from faststream import Context

Wake = Annotated[asyncio.Event, Context("wake")]
