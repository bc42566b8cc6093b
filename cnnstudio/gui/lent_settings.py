"""Settings that a sample asks for, lent for as long as its folder is open."""

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

from cnnstudio.core.config import Config


@dataclass(frozen=True, slots=True)
class _Loan:
    key: str
    given: object
    before: object


class LentSettings:
    """Gives a configuration what a sample needs, and takes it back when another folder is opened."""

    def __init__(self) -> None:
        self._loans: list[_Loan] = []

    def exchange(self, config: Config, settings: Iterable[str] = ()) -> Config:
        """Return the configuration without what was lent before, and with other settings instead.

        What the user has changed in the meantime is the user's, and stays.

        Args:
            config: The present configuration.
            settings: What the folder that is opened asks for, such as `data.augment=false`.
        """
        for loan in self._loans:
            if attrgetter(loan.key)(config) == loan.given:
                config = config.replace(loan.key, loan.before)
        self._loans = []
        for setting in settings:
            key, _, value = setting.partition("=")
            before = attrgetter(key)(config)
            config = config.replace(key, value)
            self._loans.append(_Loan(key, attrgetter(key)(config), before))
        return config
