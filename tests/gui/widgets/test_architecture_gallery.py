from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFont
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QLineEdit, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from cnnstudio.gui.theme import Theme
from cnnstudio.gui.widgets.architecture_card import ArchitectureCard
from cnnstudio.gui.widgets.architecture_gallery import ArchitectureGallery
from cnnstudio.models import registry
from cnnstudio.models.registry import ArchCard


def made(
    name: str,
    title: str,
    family: str,
    *,
    parameters: int = 11_689_512,
    image_size: int = 224,
    pretrained: str = "ImageNet, bundled",
    idea: str = "Each block learns what to add to its input, so gradients reach the first layer of a deep network.",
    paper: str = "Somebody et al., Somewhere, CVPR 2016",
) -> ArchCard:
    card = replace(registry.card("compact"), name=name, title=title, family=family, parameters=parameters, idea=idea)
    return replace(card, image_size=image_size, pretrained=pretrained, paper=paper, flops=3_628_146_688)


CARDS = (
    made("compact", "Compact CNN", "Compact", image_size=96, parameters=1_383_944, pretrained=""),
    *(made(f"vgg{depth}", f"VGG-{depth}", "VGG", parameters=10**7 * depth) for depth in (11, 13, 16, 19)),
    *(made(f"resnet{depth}", f"ResNet-{depth}", "ResNet") for depth in (18, 34, 50, 101)),
    made("googlenet", "GoogLeNet", "Inception", idea="Modules side by side.", paper="szegedy et al., CVPR 2015"),
    made("inception_v3", "Inception v3", "Inception", image_size=299),
    made("nin", "Network in Network", "Network in Network", pretrained=""),
    made("fcn_vgg16", "FCN on VGG-16", "Fully convolutional"),
    made("efficientnet_lite0", "EfficientNet-Lite0", "EfficientNet"),
    made("mobilenet_v3_large", "MobileNetV3 Large", "MobileNetV3"),
    made("mobilenet_v3_small", "MobileNetV3 Small", "MobileNetV3"),
)


@pytest.fixture
def page(qtbot: QtBot, theme: Theme) -> QWidget:
    """Return the gallery between two other things that Tab reaches."""
    page = QWidget()
    qtbot.addWidget(page)
    layout = QVBoxLayout(page)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(QLineEdit())
    layout.addWidget(ArchitectureGallery("model.arch", "Architecture", CARDS, theme))
    layout.addWidget(QLineEdit())
    layout.addStretch(1)
    page.resize(640, 600)
    page.show()
    qtbot.waitExposed(page)
    return page


def gallery(page: QWidget) -> ArchitectureGallery:
    found = page.findChild(ArchitectureGallery, "model.arch")
    assert found is not None
    return found


def cards(page: QWidget) -> list[ArchitectureCard]:
    return page.findChildren(ArchitectureCard)


def button(page: QWidget, name: str) -> QAbstractButton:
    found = page.findChild(QAbstractButton, f"model.arch.{name}")
    assert found is not None, name
    return found


def click(page: QWidget, name: str) -> None:
    QTest.mouseClick(button(page, name), Qt.MouseButton.LeftButton)


def words(page: QWidget, name: str) -> str:
    label = page.findChild(QLabel, f"model.arch.details.{name}")
    assert label is not None
    return label.text()


def focus(page: QWidget) -> str:
    widget = page.focusWidget()
    return widget.objectName().removeprefix("model.arch.") if widget else ""


@pytest.mark.parametrize(("width", "columns"), [(160, 1), (480, 3), (640, 4), (866, 4), (1200, 4), (1300, 8)])
def test_cards_of_equal_size_fill_the_width_in_even_rows(page: QWidget, width: int, columns: int) -> None:
    page.setMinimumWidth(width)
    page.resize(width, 900)
    assert len({card.x() for card in cards(page)}) == columns
    assert len({card.y() for card in cards(page)}) == -(-8 // columns)
    sizes = {(card.width(), card.height()) for card in cards(page)}
    assert max(sizes)[0] - min(sizes)[0] <= 1
    boxes = [card.geometry() for card in cards(page)]
    assert not any(one.intersects(other) for one in boxes for other in boxes if one is not other)
    assert max(box.right() for box in boxes) == gallery(page).rect().right()


def test_every_variant_is_in_sight_and_the_gallery_is_low(page: QWidget) -> None:
    for card in cards(page):
        pills = [pill.geometry() for pill in card.pills]
        assert all(card.rect().contains(pill) for pill in pills)
        assert not any(one.intersects(other) for one in pills for other in pills if one is not other)
    texts = {card.text(): [pill.text() for pill in card.pills] for card in cards(page)}
    assert texts == {
        "Compact CNN": [],
        "VGG": ["11", "13", "16", "19"],
        "ResNet": ["18", "34", "50", "101"],
        "Inception": ["GoogLeNet", "v3"],
        "Network in Network": [],
        "FCN on VGG-16": [],
        "EfficientNet-Lite0": [],
        "MobileNetV3": ["Large", "Small"],
    }
    assert gallery(page).height() <= 240
    assert gallery(page).minimumSizeHint().height() == gallery(page).heightForWidth(640)


def test_large_letters_take_fewer_columns(qtbot: QtBot, qapp: QApplication, theme: Theme) -> None:
    font = QFont(qapp.font())
    larger = QFont(font)
    larger.setPointSizeF(font.pointSizeF() * 1.6)
    qapp.setFont(larger)
    try:
        large = ArchitectureGallery("model.arch", "Architecture", CARDS, theme)
        qtbot.addWidget(large)
        large.resize(640, large.heightForWidth(640))
        assert len({card.x() for card in cards(large)}) < 4
        large.grab()
        for card in cards(large):
            assert all(card.rect().contains(pill.geometry()) for pill in card.pills)
    finally:
        qapp.setFont(font)


def test_a_click_chooses_an_architecture_or_a_variant(qtbot: QtBot, page: QWidget) -> None:
    for name in ("nin", "resnet50", "vgg16"):
        with qtbot.waitSignal(gallery(page).chosen) as told:
            click(page, name)
        assert told.args == [name]
        assert gallery(page).value() == name
        assert button(page, name).isChecked()
    assert [card.text() for card in cards(page) if card.isChecked()] == ["VGG"]
    assert [pill.name for card in cards(page) for pill in card.pills if pill.isChecked()] == ["vgg16"]
    with qtbot.assertNotEmitted(gallery(page).chosen):
        click(page, "vgg16")
        click(page, "family.vgg")
    assert button(page, "vgg16").isChecked()


def test_a_family_remembers_its_variant(qtbot: QtBot, page: QWidget) -> None:
    told: list[str] = []
    gallery(page).chosen.connect(told.append)
    for name in ("family.resnet", "resnet34", "family.inception", "family.resnet"):
        click(page, name)
    gallery(page).set_value("mobilenet_v3_small")
    gallery(page).set_value("compact")
    click(page, "family.mobilenetv3")
    assert told == ["resnet18", "resnet34", "googlenet", "resnet34", "mobilenet_v3_small"]


def test_arrow_keys_go_from_family_to_family(qtbot: QtBot, page: QWidget) -> None:
    gallery(page).set_value("compact")
    button(page, "compact").setFocus(Qt.FocusReason.TabFocusReason)
    steps = {
        Qt.Key.Key_Right: "vgg11",
        Qt.Key.Key_Down: "fcn_vgg16",
        Qt.Key.Key_Left: "nin",
        Qt.Key.Key_End: "mobilenet_v3_large",
        Qt.Key.Key_Up: "googlenet",
        Qt.Key.Key_Home: "compact",
    }
    for key, name in steps.items():
        with qtbot.waitSignal(gallery(page).chosen) as told:
            QTest.keyClick(page.focusWidget(), key)
        assert told.args == [name]
        assert focus(page) == next(c.objectName() for c in cards(page) if name in c.names).removeprefix("model.arch.")
    with qtbot.assertNotEmitted(gallery(page).chosen):
        QTest.keyClick(page.focusWidget(), Qt.Key.Key_Left)
        QTest.keyClick(page.focusWidget(), Qt.Key.Key_Space)
    assert gallery(page).value() == "compact"


def test_tab_reaches_the_chosen_card_then_its_variant(qtbot: QtBot, page: QWidget) -> None:
    gallery(page).set_value("vgg16")
    first, last = page.findChildren(QLineEdit)
    first.setFocus(Qt.FocusReason.TabFocusReason)
    stops: list[str] = []
    while page.focusWidget() is not last and len(stops) < 5:
        QTest.keyClick(page.focusWidget(), Qt.Key.Key_Tab)
        stops.append(focus(page))
    assert stops == ["family.vgg", "vgg16", ""]
    button(page, "vgg16").setFocus(Qt.FocusReason.TabFocusReason)
    for key, name in ((Qt.Key.Key_Right, "vgg19"), (Qt.Key.Key_Home, "vgg11"), (Qt.Key.Key_Down, "vgg13")):
        with qtbot.waitSignal(gallery(page).chosen) as told:
            QTest.keyClick(page.focusWidget(), key)
        assert (told.args, focus(page)) == ([name], name)


def test_with_nothing_chosen_tab_reaches_the_first_card(page: QWidget) -> None:
    page.findChildren(QLineEdit)[0].setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(page.focusWidget(), Qt.Key.Key_Tab)
    assert focus(page) == "compact"
    QTest.keyClick(page.focusWidget(), Qt.Key.Key_Space)
    assert gallery(page).value() == "compact"


def test_the_chosen_architecture_is_told_in_words(page: QWidget) -> None:
    gallery(page).set_value("googlenet")
    assert (words(page, "title"), words(page, "year"), words(page, "idea")) == (
        "GoogLeNet",
        "2014",
        "Modules side by side.",
    )
    assert words(page, "facts") == "11.7 M parameters · 3.63 GFLOPs · 224 × 224 px"
    assert words(page, "paper") == "Szegedy et al., CVPR 2015"
    assert words(page, "weights") == "ImageNet weights, bundled"
    gallery(page).set_value("nin")
    assert words(page, "weights") == "No pretrained weights"
    gallery(page).set_value("")
    assert words(page, "title") == words(page, "facts") == words(page, "weights") == ""


def test_the_height_stays_when_the_choice_changes(page: QWidget) -> None:
    heights = set()
    for card in CARDS:
        gallery(page).set_value(card.name)
        page.grab()
        heights.add(gallery(page).height())
    assert len(heights) == 1


def test_setting_the_value_is_silent(qtbot: QtBot, page: QWidget) -> None:
    with qtbot.assertNotEmitted(gallery(page).chosen):
        gallery(page).set_value("resnet101")
        assert gallery(page).value() == "resnet101"
        gallery(page).set_value("a network of a newer version")
    assert gallery(page).value() == ""
    assert not any(card.isChecked() for card in cards(page))


def test_each_choice_speaks_for_itself(page: QWidget) -> None:
    assert button(page, "vgg16").accessibleName() == "VGG-16, 2014"
    assert (
        button(page, "vgg16")
        .accessibleDescription()
        .endswith("160 M parameters · 3.63 GFLOPs · 224 × 224 px · ImageNet weights, bundled")
    )
    assert button(page, "compact").accessibleName() == "Compact CNN, 2014"
    assert button(page, "family.vgg").accessibleName() == "VGG, 4 variants"
    assert button(page, "family.vgg").accessibleDescription().startswith("VGG-11: ")
    gallery(page).set_value("vgg19")
    assert button(page, "family.vgg").accessibleDescription().startswith("VGG-19: ")


def test_what_is_chosen_is_told_by_its_look(qtbot: QtBot, page: QWidget, theme: Theme) -> None:
    card, pill = button(page, "family.resnet"), button(page, "resnet50")
    card_before, pill_before = card.grab().toImage(), pill.grab().toImage()
    gallery(page).set_value("resnet50")
    chosen, filled = card.grab().toImage(), pill.grab().toImage()
    assert chosen != card_before
    assert filled != pill_before
    theme.set_mode("dark")
    assert card.grab().toImage() != chosen
    assert pill.grab().toImage() != filled
